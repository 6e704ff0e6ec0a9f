"""What students get works, and holds no master, no solution and no grader."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from course_lib.checks.report import SETS, exercises
from course_lib.grading.bundle import LEFT_OUT, bundle
from tests.checks.students import STUDENTS, written
from tests.conftest import ROOT
from tests.tools.classroom import cells

SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.DOTALL)
PROGRAM = """
import json, sys
from pathlib import Path
import torch
import torch.nn.functional as F
from course_lib.checks import report
from course_lib.checks.exercise import assess
assert Path(report.__file__).is_relative_to(Path.cwd())
found = {}
for name, sources in json.load(sys.stdin).items():
    one, found[name] = report.exercise(name), []
    assert {type(each).__name__ for each in (one.reference, *one.wrong.values())} == {"Recorded"}
    cases = list(one.cases(torch.Generator().manual_seed(report.VISIBLE)))
    for source in sources:
        space = {"torch": torch, "F": F}
        exec(source, space)
        try:
            verdicts, hint = assess(one, cases, [one.ask(space[name.partition(".")[2]], inputs) for inputs in cases])
        except Exception as error:
            hint, verdicts = type(error).__name__, ()
        found[name].append([bool(verdicts) and all(verdict.kept for verdict in verdicts), hint])
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    bundle([str(folder / "course.zip")])
    with zipfile.ZipFile(folder / "course.zip") as archive:
        archive.extractall(folder)
    return folder / "course"


def solutions() -> set[str]:
    """Lines of solutions that are long enough to be nobody else's."""
    inside = [part for name in SETS for source in cells(name).values() for part in SOLUTION.findall(source)]
    return {line.strip() for part in inside for line in part.splitlines() if len(line.strip()) > 40}


def test_it_has_the_course_without_masters_solutions_and_the_grader(course: Path) -> None:
    names = {path.relative_to(course).as_posix() for path in course.rglob("*") if path.is_file()}
    assert not [name for name in names if name.startswith(LEFT_OUT)]
    assert {
        "Makefile",
        "uv.lock",
        "notebooks/00_start_here.ipynb",
        "notebooks/exercises/release/ps1/ps1.ipynb",
    } <= names
    assert {path.relative_to(ROOT).as_posix() for path in ROOT.glob("data/weights/*")} <= names
    text = "\n".join(path.read_text() for path in course.rglob("checks/*.py"))
    lines = solutions()
    assert len(lines) > 40
    assert [line for line in lines if line in text] == []
    for function in ("def scaled(", "def patched(", "def boxed(", "def pgd(", "lambda delta, radius"):  # references
        assert any(function in path.read_text() for path in ROOT.glob("course_lib/checks/*.py"))
        assert function not in text


def test_its_checks_say_of_right_and_wrong_answers_what_the_courses_checks_say(course: Path) -> None:
    right = {f"{name}.{key}": source for name in SETS for key, source in cells(name).items()}
    sources = {
        name: [right[name], written(name, STUDENTS[name][0]), written(name, STUDENTS[name][-1])] for name in exercises()
    }
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        cwd=course,
        env=os.environ | {"PYTHONPATH": str(course)},
        input=json.dumps(sources),
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    hints = {name: list(one.wrong) for name, one in exercises().items()}
    wanted = {name: [[True, ""], [False, own[0]], [False, own[-1]]] for name, own in hints.items()}
    assert json.loads(ran.stdout) == wanted
