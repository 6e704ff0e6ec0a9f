"""Proof that the checked cells of the notebooks check something: a library broken in one place turns them red.

Each notebook runs beside a broken copy of the library as `make test` runs it; `tests.tools.mutants` says what
must fail.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest

from tests.conftest import ROOT
from tests.tools.freeze import is_checked
from tests.tools.mutants import MUTANTS, RED, UPHILL, Mutant, red

MATRIX = [(notebook, mutant) for notebook in RED for mutant in red(notebook)]


def broken(mutant: Mutant | None, notebook: str, folder: Path) -> None:
    """Copy the library and a notebook into a folder and break the copy."""
    shutil.copytree(ROOT / "course_lib", folder / "course_lib", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / f"{notebook}.ipynb", folder / "notebooks")
    (folder / "data").symlink_to(ROOT / "data")
    if mutant is not None:
        text = (folder / mutant.path).read_text()
        (folder / mutant.path).write_text(text.replace(mutant.found, mutant.put))


def red_cells(notebook: str, folder: Path, *options: str) -> list[nbformat.NotebookNode]:
    """The code cells of the notebook that fail when nbval runs it with the library of this folder."""
    path = f"notebooks/{notebook}.ipynb"
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=600"]
    command += ["-p", "no:cacheprovider", "--junitxml=report.xml", *options, path]
    environment = os.environ | {"COURSE_FAST": "1", "PYTHONPATH": str(folder)}
    ran = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1800, check=False
    )
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr  # passed, or some tests failed
    code = [cell for cell in nbformat.read(folder / path, as_version=4).cells if cell.cell_type == "code"]
    cases = ElementTree.parse(folder / "report.xml").iter("testcase")
    failed = [case.attrib["name"] for case in cases if case.find("failure") is not None]
    return [code[int(name.removeprefix("Cell "))] for name in failed]


def named(cells: Sequence[nbformat.NotebookNode], expected: Sequence[str]) -> list[str]:
    """Each failed cell by the expected words that it has; a cell that is not checked or not expected, by its source."""
    return [next((w for w in expected if is_checked(cell) and w in cell.source), cell.source) for cell in cells]


def test_every_mutant_fits_the_library_and_is_of_concern_to_a_notebook() -> None:
    assert [name for name, one in MUTANTS.items() if (ROOT / one.path).read_text().count(one.found) != 1] == []
    assert {mutant for _, mutant in MATRIX} == set(MUTANTS)


def test_a_step_uphill_turns_the_notebook_red_where_the_loop_is_first_checked(tmp_path: Path) -> None:
    broken(MUTANTS[UPHILL], "02_targeted_pgd", tmp_path)
    first = red("02_targeted_pgd")[UPHILL][0]
    assert named(red_cells("02_targeted_pgd", tmp_path, "--exitfirst"), [first]) == [first]


@pytest.mark.full
@pytest.mark.parametrize(("notebook", "mutant"), MATRIX)
def test_every_mutant_turns_the_notebook_red(notebook: str, mutant: str, tmp_path: Path) -> None:
    broken(MUTANTS[mutant], notebook, tmp_path)
    expected = red(notebook)[mutant]
    assert named(red_cells(notebook, tmp_path), expected) == expected


@pytest.mark.full
@pytest.mark.parametrize("notebook", RED)
def test_the_unbroken_library_passes(notebook: str, tmp_path: Path) -> None:
    broken(None, notebook, tmp_path)
    assert red_cells(notebook, tmp_path) == []
