"""python -m course_lib bundle course.zip: what a student needs to work, without masters, references and the grader.

The checks in it know the answers to their own, visible inputs and no solution.
"""

import argparse
import ast
import subprocess
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch
from safetensors.torch import save

from course_lib.checks.asking import packed
from course_lib.checks.recorded import STORED, Recorded
from course_lib.checks.report import MODULES, VISIBLE, exercise, exercises
from course_lib.storage.files import PACKAGE

ROOT = PACKAGE.parent
LEFT_OUT = (
    "course_lib/grading/",
    "notebooks/exercises/source/",
    "notebooks/exercises/nbgrader_config.py",
    "tests/",
    ".github/",
)
CHECKS = "course_lib/checks/"


def bundle(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m course_lib bundle", description=__doc__)
    parser.add_argument("zip", type=Path)
    path = parser.parse_args(arguments).zip
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    changed = {f"{CHECKS}{name}.py": without_solutions(name).encode() for name in MODULES}
    changed[f"{CHECKS}{STORED.name}"] = answers()
    names = [name for name in listed.split("\0") if name and not name.startswith(LEFT_OUT) and (ROOT / name).is_file()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted({*names, *changed}):
            archive.writestr(f"course/{name}", changed.get(name) or (ROOT / name).read_bytes())
    print(f"{len(names)} files: {path}")


def answers() -> bytes:
    """The visible inputs, and what the reference solutions and the typical mistakes answer to them."""
    found: dict[str, torch.Tensor] = {}
    for name, one in exercises().items():
        cases = list(one.cases(torch.Generator().manual_seed(VISIBLE)))
        found |= {f"{name}/inputs/{key}": part for key, part in packed(cases).items()}
        for place, function in enumerate([one.reference, *one.wrong.values()]):
            recorder = Recorded({}, function)
            with suppress(Exception):  # a mistake that ends in an error gives no more answers
                for inputs in cases:
                    one.ask(recorder, inputs)
            found |= {f"{name}/{place}/{key}": answer for key, answer in recorder.answers.items()}
    return save(found)


def without_solutions(module: str) -> str:
    """A module of the checks that has its exercises' names, rules and hints, and recorded answers, and nothing else."""
    tree = ast.parse((PACKAGE / "checks" / f"{module}.py").read_text())
    kept = [tree.body[0], *ast.parse("from course_lib.checks.recorded import recorded").body]
    for part in tree.body[1:]:
        match part:
            case ast.Assign(value=ast.Call(func=ast.Name("Exercise"), args=[name, _, _, rules, _, *rest])):
                hints = ast.parse(repr(list(exercise(ast.literal_eval(name)).wrong)), mode="eval").body
                words = zip(("rules", "hints", "read", "ask"), [rules, hints, *rest], strict=False)
                named = [ast.keyword(word, value) for word, value in words]
                part.value = ast.Call(ast.Name("recorded"), [name], named)
            case ast.Assign(value=ast.Constant()) | ast.Assign(targets=[ast.Name("EXERCISES")]) | ast.Import():
                pass
            case ast.ImportFrom(module=source) if not str(source).startswith("course_lib.checks.ps"):
                pass
            case _:
                continue
        kept.append(part)
    return ast.unparse(ast.Module(kept, [])) + "\n"
