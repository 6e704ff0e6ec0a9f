"""The student's copy of the notebooks: brought up to date, and nothing of the student's is lost."""

import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course_lib.storage.working_copy import bring_up_to_date
from tests.conftest import ROOT

LECTURE, BESIDE, SECOND = "00_start.ipynb", "00_start.new-version.ipynb", "00_start.new-version.new-version.ipynb"
PROBLEMS, GUIDE = "exercises/release/ps1/ps1.ipynb", "exercises/README.md"


def save(path: Path, *cells: str, run: bool = False) -> None:
    """A notebook of these cells; or as JupyterLab leaves it when all of them were run, the last one by Shift+Enter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nodes = [new_code_cell(cell) for cell in cells]
    notebook = new_notebook(cells=nodes)
    if run:
        for node in nodes:
            node.update(outputs=[new_output("stream", text="ran")], execution_count=3, metadata={"tags": ["seen"]})
        notebook.update(cells=[*nodes, new_code_cell("")], metadata={"widgets": {"state": "pictures"}})
    nbformat.write(notebook, path)


def cells(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells]


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course of a lecture and a problem set, with what students do not get."""
    for name in (LECTURE, PROBLEMS, "exercises/source/ps1/ps1.ipynb"):
        save(tmp_path / "notebooks" / name, "first")
    (tmp_path / "notebooks" / GUIDE).write_text("guide")
    (tmp_path / "notebooks" / "exercises" / "nbgrader_config.py").touch()
    assert update(tmp_path) == []
    return tmp_path


def update(course: Path) -> list[str]:
    return bring_up_to_date(course / "notebooks", course / "mine")


def there(course: Path) -> list[str]:
    mine = course / "mine"
    return sorted(path.relative_to(mine).as_posix() for path in mine.rglob("*") if path.is_file())


def test_students_get_the_lectures_and_the_problem_sets_without_solutions(course: Path) -> None:
    assert there(course) == [".copied.json", LECTURE, GUIDE, PROBLEMS]


@pytest.mark.parametrize("name", [LECTURE, PROBLEMS])
def test_a_notebook_that_was_only_run_is_the_courses_and_keeps_its_outputs(course: Path, name: str) -> None:
    path = course / "mine" / name
    save(path, "first", run=True)
    before = path.read_bytes()
    assert update(course) == []
    assert path.read_bytes() == before, "its pictures were lost without a new version"
    save(course / "notebooks" / name, "second")
    assert update(course) == []
    assert cells(path) == ["second"]


def test_a_copy_holds_no_results_of_another_person(course: Path) -> None:
    save(course / "notebooks" / LECTURE, "größer", run=True)
    update(course)
    (cell,) = [cell for cell in nbformat.read(course / "mine" / LECTURE, as_version=4).cells if cell.source]
    assert (cell.source, cell.outputs, cell.execution_count) == ("größer", [], None)
    assert cell.metadata == {"tags": ["seen"]}


@pytest.mark.parametrize("name", [LECTURE, PROBLEMS])
def test_what_a_student_wrote_stays_and_the_new_version_is_beside_it(course: Path, name: str) -> None:
    path = course / "mine" / name
    beside = path.with_stem(f"{path.stem}.new-version")
    save(path, "first", "my own", run=True)
    before = path.read_bytes()
    assert update(course) == []
    save(course / "notebooks" / name, "second")
    (sentence,) = update(course)
    assert f"mine/{name}" in sentence
    assert beside.name in sentence
    assert path.read_bytes() == before
    assert cells(beside) == ["second"]
    beside.unlink()
    assert update(course) == [], "told again"
    assert not beside.exists()


def test_a_new_version_in_which_the_student_wrote_stays_too(course: Path) -> None:
    save(course / "mine" / LECTURE, "my own")
    for version in ("second", "third"):
        save(course / "notebooks" / LECTURE, version)
        assert len(update(course)) == 1
        assert cells(course / "mine" / BESIDE) == [version]
    save(course / "mine" / BESIDE, "my own, too")
    save(course / "notebooks" / LECTURE, "fourth")
    (sentence,) = update(course)
    assert SECOND in sentence
    said = [cells(course / "mine" / name)[0] for name in (LECTURE, BESIDE, SECOND)]
    assert said == ["my own", "my own, too", "fourth"]
    shutil.move(course / "mine" / SECOND, course / "mine" / LECTURE)  # the student takes the newest one
    save(course / "notebooks" / LECTURE, "fifth")
    assert update(course) == []
    assert cells(course / "mine" / LECTURE) == ["fifth"]


def test_a_deleted_file_comes_back(course: Path) -> None:
    shutil.rmtree(course / "mine" / "exercises")
    (course / "mine" / LECTURE).unlink()
    assert update(course) == []
    assert there(course) == [".copied.json", LECTURE, GUIDE, PROBLEMS]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"cells": 1}', b"\xff"])
def test_what_cannot_be_read_is_the_students(course: Path, content: bytes) -> None:
    (course / "mine" / LECTURE).write_bytes(content)
    save(course / "notebooks" / LECTURE, "second")
    assert len(update(course)) == 1
    assert (course / "mine" / LECTURE).read_bytes() == content


@pytest.mark.parametrize("note", [None, b"", b"{"])
def test_without_its_note_nothing_is_lost_and_the_course_may_move(course: Path, note: bytes | None) -> None:
    save(course / "mine" / LECTURE, "my own")
    path = course / "mine" / ".copied.json"
    path.unlink() if note is None else path.write_bytes(note)
    assert len(update(course)) == 1
    moved = course.parent / f"{course.name}-moved"
    course.rename(moved)
    assert update(moved) == []
    assert cells(moved / "mine" / LECTURE) == ["my own"]


def test_git_sees_neither_the_copy_nor_what_is_saved_in_it() -> None:
    paths = ["mine/00_start_here.ipynb", "mine/exercises/release/ps1/ps1.ipynb", "mine/.copied.json"]
    ignored = subprocess.run(["git", "check-ignore", *paths], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ignored.stdout.split() == paths
