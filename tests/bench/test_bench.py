"""Seconds to the picture: what `make bench` compares, at equal judged share."""

import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from course_lib import testbeds
from course_lib.checks.report import exercises
from course_lib.grading import sandbox
from course_lib.grading.cells import stub
from course_lib.grading.submissions import submissions
from course_lib.storage.files import RESULTS
from tests.bench import bench, made_class
from tests.bench.memory import LECTURES, LIMIT, MARGIN, peak
from tests.tools.classroom import cells
from tests.tools.programs import NO_BUBBLEWRAP, needed


def test_every_library_is_timed_at_the_fewest_steps_that_convince(monkeypatch: pytest.MonkeyPatch) -> None:
    book = testbeds.load("picturebook")
    monkeypatch.setattr(bench, "LENGTHS", (1, 3))
    monkeypatch.setattr(bench, "CONVINCED", 2.0)  # never: the most steps
    late = bench.pictures(rounds=2, testbed=book)["by"]
    assert [*late] == ["ours", *bench.PEERS]
    assert {row["steps"] for row in late.values()} == {3}
    assert max(row["judged"] for row in late.values()) - min(row["judged"] for row in late.values()) <= 0.05
    monkeypatch.setattr(bench, "CONVINCED", 0.0)
    measured = bench.pictures(rounds=2, testbed=book)
    assert {row["steps"] for row in measured["by"].values()} == {1}
    assert all(0 < low <= middle <= high for middle, low, high in (row["seconds"] for row in measured["by"].values()))
    lines = bench.picture_lines(measured)
    assert [line.split("  ")[0] for line in lines[-len(measured["by"]) :]] == [*measured["by"]]


def test_the_peaks_of_all_lectures_are_measured_and_leave_room() -> None:
    peaks = json.loads((RESULTS / "bench.json").read_bytes())["memory"]["megabytes"]
    assert {*peaks} == {path.stem for path in LECTURES}
    assert {name: megabytes for name, megabytes in peaks.items() if megabytes > LIMIT * MARGIN} == {}


@pytest.mark.full
@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_a_lecture_runs_in_little_memory(path: Path) -> None:
    assert peak(path) <= LIMIT


def test_the_live_page_is_timed_beside_pytorch(monkeypatch: pytest.MonkeyPatch, chromium_path: str) -> None:
    monkeypatch.setattr(bench, "STEPS", 2)
    measured = bench.in_browser(rounds=2)
    assert [key for key in measured if "times PyTorch," in key] == [
        f"{name}, times PyTorch, prepared" for name in ("imagenette-128-robust", "imagenette-radius-3")
    ]
    assert all(0 < low <= middle <= high for middle, low, high in list(measured.values())[1:])


def test_a_made_class_has_right_answers_mistakes_and_templates_in_every_set(tmp_path: Path) -> None:
    made_class.made_class(tmp_path, students=12)
    found = list(submissions(tmp_path))
    assert len(found) == 12
    wanted = {name for name in exercises() if not name.startswith("ps7.")}
    assert all(one.sources.keys() == wanted and one.problems == () for one in found)
    for name in wanted:
        right = next(source for key, source in cells(name[:3]).items() if name == f"{name[:3]}.{key}")
        assert 1 <= sum(one.sources[name] == [right] for one in found) < 12, name
    assert any(stub(cell) for one in found for own in one.sources.values() for cell in own)
    assert sum(len(one.texts) for one in submissions(tmp_path)) == 12 * 6


@pytest.mark.full
def test_a_made_class_is_graded_and_a_second_run_runs_nothing() -> None:
    needed(sandbox.available(), NO_BUBBLEWRAP)
    measured = made_class.graded(students=2, sets=("ps1",))
    assert measured["seconds with nothing new"] < measured["seconds"]
    assert 0.2 < measured["share of the points"] < 1


def test_the_peak_counts_what_a_notebook_has_let_go(tmp_path: Path) -> None:
    for name, source in {"small": "1", "large": "kept = b'x' * 300_000_000\nkept = None"}.items():
        nbformat.write(new_notebook(cells=[new_code_cell(source)]), tmp_path / f"{name}.ipynb")
    assert 250 < peak(tmp_path / "large.ipynb") - peak(tmp_path / "small.ipynb") < 350
