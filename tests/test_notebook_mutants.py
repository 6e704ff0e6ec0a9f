"""Proof that the checked cells of notebook 02 check something: a library broken in one place turns them red.

Each mutant is one replacement of text in a copy of the library; the notebook runs there as `make test` runs it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest

from tests.conftest import ROOT
from tests.freeze import is_checked

NOTEBOOK = "notebooks/02_targeted_pgd.ipynb"
PHRASES = GRADIENT, GEOMETRY, LOOP, PLAYER, BUDGET, CLASSES, AUTHORS = (  # one of each checked cell
    "coarse share of the gradient",
    "direction has L2 length 1",
    "my loop and the library agree",
    "both losses fell",
    "in a ball of 5",
    "the judge sees the target",
    "the largest difference between the two pictures",
)


@dataclass(frozen=True)
class Mutant:
    """`found` becomes `put` in the file at `path`; then the cells with the phrases `red` fail, and no others."""

    path: str
    found: str
    put: str
    red: Sequence[str]


STEP = "course_lib/pgd.py", "images + problem.step_size * problem.ball.direction"
CONSTRAINTS = "course_lib/constraints.py"
MUTANTS = {
    "a step uphill": Mutant(
        *STEP, "images - problem.step_size * problem.ball.direction", (LOOP, PLAYER, CLASSES, AUTHORS)
    ),
    "no projection": Mutant(
        "course_lib/pgd.py", "problem.ball.project(moved - centre)", "(moved - centre)", (PLAYER, BUDGET, AUTHORS)
    ),
    "no pixel box": Mutant("course_lib/pgd.py", "(moved - centre)).clamp(0, 1)", "(moved - centre))", (LOOP, AUTHORS)),
    "an L2 ball that lets everything pass": Mutant(
        CONSTRAINTS,
        "delta * (self.radius / norms(delta).clamp(min=TINY)).clamp(max=1)",
        "delta",
        (GEOMETRY, PLAYER, BUDGET, AUTHORS),
    ),
    "an L-infinity ball that lets everything pass": Mutant(
        CONSTRAINTS, "delta.clamp(-self.radius, self.radius)", "delta", (GEOMETRY,)
    ),
    "the L2 direction uphill": Mutant(
        CONSTRAINTS, "return -gradient / norms", "return gradient / norms", (GEOMETRY, LOOP, PLAYER, CLASSES, AUTHORS)
    ),
    "the L-infinity direction uphill": Mutant(
        CONSTRAINTS, "return -gradient.sign()", "return gradient.sign()", (GEOMETRY,)
    ),
    "the standard model in the robust one's place": Mutant(
        "course_lib/testbed.py",
        'load_model(self.weights["robust"],',
        'load_model(self.weights["standard"],',
        (GRADIENT, PLAYER, CLASSES),
    ),
}


def mutated(mutant: Mutant, folder: Path) -> None:
    """Copy the library and the notebook into a folder and break the copy; refuses a text that is not there once."""
    shutil.copytree(ROOT / "course_lib", folder / "course_lib", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "notebooks").mkdir()
    shutil.copy(ROOT / NOTEBOOK, folder / NOTEBOOK)
    (folder / "data").symlink_to(ROOT / "data")
    text = (folder / mutant.path).read_text()
    assert text.count(mutant.found) == 1, f"expected {mutant.found!r} once in {mutant.path}"
    (folder / mutant.path).write_text(text.replace(mutant.found, mutant.put))


def red_cells(folder: Path, *options: str) -> list[nbformat.NotebookNode]:
    """The code cells of the notebook that fail when nbval runs it with the library of this folder."""
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=600"]
    command += ["-p", "no:cacheprovider", "--junitxml=report.xml", *options, NOTEBOOK]
    environment = os.environ | {"COURSE_FAST": "1", "PYTHONPATH": str(folder)}
    ran = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1800, check=False
    )
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr  # passed, or some tests failed
    code = [cell for cell in nbformat.read(folder / NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    cases = ElementTree.parse(folder / "report.xml").iter("testcase")
    failed = [case.attrib["name"] for case in cases if case.find("failure") is not None]
    return [code[int(name.removeprefix("Cell "))] for name in failed]


def phrases(cells: Sequence[nbformat.NotebookNode]) -> list[str]:
    """The phrase of each checked cell; of a cell that is not checked, its source."""
    return [next((p for p in PHRASES if is_checked(cell) and p in cell.source), cell.source) for cell in cells]


def test_a_step_uphill_turns_the_notebook_red_where_the_loop_is_first_checked(tmp_path: Path) -> None:
    mutated(MUTANTS["a step uphill"], tmp_path)
    assert phrases(red_cells(tmp_path, "--exitfirst")) == [LOOP]


@pytest.mark.full
@pytest.mark.parametrize("name", MUTANTS)
def test_every_mutant_turns_the_notebook_red(name: str, tmp_path: Path) -> None:
    mutated(MUTANTS[name], tmp_path)
    assert phrases(red_cells(tmp_path)) == list(MUTANTS[name].red)


@pytest.mark.full
def test_the_unbroken_library_passes(tmp_path: Path) -> None:
    mutated(Mutant("course_lib/pgd.py", "import torch\n", "import torch\n", ()), tmp_path)
    assert red_cells(tmp_path) == []
