"""python -m course_lib bundle course.zip: what a student needs to work, without masters, references and the grader.

The checks in it know the answers to their own, visible inputs and no solution.
"""

import argparse
import ast
import subprocess
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from course_lib.checks.exercise import Exercise
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
    changed = {f"{CHECKS}{name}.py": text.encode() for name, text in without_solutions(MODULES).items()}
    changed[f"{CHECKS}{STORED.name}"] = answers()
    names = [name for name in listed.split("\0") if name and not name.startswith(LEFT_OUT) and (ROOT / name).is_file()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted({*names, *changed}):
            archive.writestr(f"course/{name}", changed.get(name) or (ROOT / name).read_bytes())
    print(f"{len(names)} files: {path}")


def answers() -> bytes:
    """What the reference solutions and the typical mistakes answer to the visible inputs."""
    found: dict[str, torch.Tensor] = {}
    for name, one in exercises().items():
        for place, function in enumerate([one.reference, *one.wrong.values()]):
            for number, (shapes, numbers, answer) in enumerate(calls(one, function)):
                key = f"{name}/{place}/{number}/{shapes}"
                found |= {f"{key}/numbers": numbers, f"{key}/answer": answer}
    return save(found)


def calls(one: Exercise, function: Any) -> Sequence[Any]:
    recorder = Recorded(function)
    with suppress(Exception):  # a mistake that ends in an error gives no more answers
        for inputs in one.cases(torch.Generator().manual_seed(VISIBLE)):
            one.ask(recorder, inputs)
    return recorder.calls


def without_solutions(names: Iterable[str]) -> dict[str, str]:
    """The modules of the checks, with recorded answers for solutions, and without what only these needed."""
    trees = {name: ast.parse((PACKAGE / "checks" / f"{name}.py").read_text()) for name in names}
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Exercise":
                name = ast.literal_eval(node.args[0])
                words = [f"{hint!r}: recorded({name!r}, {place})" for place, hint in enumerate(exercise(name).wrong, 1)]
                node.args[1] = ast.parse(f"recorded({name!r}, 0)", mode="eval").body
                node.args[4] = ast.parse(f"{{{', '.join(words)}}}", mode="eval").body
        tree.body.insert(1, ast.parse("from course_lib.checks.recorded import recorded").body[0])
    while sum(shaken(name, trees) for name in trees):
        pass
    return {name: ast.unparse(tree) + "\n" for name, tree in trees.items()}


def shaken(name: str, trees: dict[str, ast.Module]) -> bool:
    """Take out of a module what nothing uses any more; whether there was something."""
    tree, elsewhere = trees[name], {"EXERCISES"}
    for other in trees.values():
        for node in other.body:
            if isinstance(node, ast.ImportFrom) and node.module == f"course_lib.checks.{name}":
                elsewhere |= {alias.name for alias in node.names}
    used = [{node.id for node in ast.walk(part) if isinstance(node, ast.Name)} for part in tree.body]
    kept = []
    for place, part in enumerate(tree.body):
        needed = elsewhere.union(*used[:place], *used[place + 1 :])
        if isinstance(part, ast.Import | ast.ImportFrom):
            part.names = [alias for alias in part.names if (alias.asname or alias.name).split(".")[0] in needed]
        if part.names if isinstance(part, ast.Import | ast.ImportFrom) else not bound(part) or bound(part) & needed:
            kept.append(part)
    fewer = len(kept) < len(tree.body)
    tree.body = kept
    return fewer


def bound(part: ast.stmt) -> set[str]:
    """The names that a statement of a module gives a meaning."""
    if isinstance(part, ast.FunctionDef | ast.ClassDef):
        return {part.name}
    targets = part.targets if isinstance(part, ast.Assign) else [part.target] if isinstance(part, ast.AnnAssign) else []
    return {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
