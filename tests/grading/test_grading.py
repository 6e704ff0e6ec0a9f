"""Classes are graded: right scores whatever is handed in, and hostile code neither scores nor leaves a trace."""

import csv
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import nbformat
import pytest
import torch
from safetensors.torch import load

from course_lib.checks import ps1
from course_lib.checks.asking import unpacked
from course_lib.checks.report import SETS, exercises
from course_lib.grading import sandbox
from course_lib.grading.command import grade, seed_of
from course_lib.grading.grade import Hidden, mark_of
from course_lib.grading.hand import given, harmless
from course_lib.grading.sandbox import Answer, parsed
from course_lib.grading.submissions import submission
from tests.tools.classroom import FRIENDLY, FULL, SECRET, Kind, Marks, hostile, notebook
from tests.tools.programs import NO_BUBBLEWRAP, needed

SECONDS = 4  # for an exercise: right answers take a tenth of one
IN_EVERY_RUN = ("right", "partly", "untouched", "loop", "memory", "twice", "torn")  # and the five hostile ones
MOST_MINUTES = 25  # for a class of 100 on two cores


class Class:
    """Submissions in a folder, graded."""

    def __init__(self, home: Path, names: Sequence[str]) -> None:
        needed(sandbox.available(), NO_BUBBLEWRAP)
        self.home, self.outside, self.out = home, home / "outside", home / "out"
        self.outside.mkdir()
        (self.outside / "secret").write_text(SECRET)
        self.kinds: dict[str, Kind] = FRIENDLY | hostile(self.outside)
        self.students = {f"{number:03}-{name}": self.kinds[name] for number, name in enumerate(names)}
        for student, kind in self.students.items():
            kind.write(home / "in" / student)
        grade([str(home / "in"), "--out", str(self.out), "--seconds", str(SECONDS), "--seed", "7", "--sets", "ps1"])

    def rows(self) -> dict[str, dict[str, str]]:
        with (self.out / "grades.csv").open() as file:
            return {row["student"]: row for row in csv.DictReader(file)}

    def wrong(self) -> dict[str, tuple[Marks, Marks]]:
        """Students with other marks than they should have: (these, those)."""
        rows, found = self.rows(), {}
        for student, kind in self.students.items():
            row = rows[student]
            marks = {name: (float(row[f"ps1.{name}"]), row[f"ps1.{name} status"]) for name in FULL}
            total = sum(points for points, _ in marks.values())
            if not alike(marks, kind.standing) or float(row["total"]) != total or kind.note not in row["notes"]:
                found[student] = (marks, kind.standing)
        return found


def alike(marks: Marks, wanted: Marks) -> bool:
    return marks.keys() == wanted.keys() and all(
        points == wanted[name][0] and status in wanted[name][1].split("|") for name, (points, status) in marks.items()
    )


@pytest.fixture(scope="module")
def small_class(tmp_path_factory: pytest.TempPathFactory) -> Class:
    home = tmp_path_factory.mktemp("class")
    return Class(home, [*IN_EVERY_RUN, *hostile(home)])


def test_a_class_of_twelve_has_the_right_scores(small_class: Class) -> None:
    assert len(small_class.rows()) == 12
    assert list(small_class.rows()) == sorted(small_class.students)
    assert small_class.wrong() == {}


def test_hostile_code_leaves_no_trace(small_class: Class) -> None:
    time.sleep(3.5)  # until what forked away would have written
    assert [path.name for path in small_class.outside.iterdir()] == ["secret"]
    pages = [path.read_text() for path in (small_class.out / "feedback").glob("*.html")]
    assert len(pages) == 12
    assert not any(SECRET in page for page in pages)


def test_feedback_names_the_mistake_and_shows_no_hidden_input(small_class: Class) -> None:
    page = (small_class.out / "feedback" / "001-partly.html").read_text()
    assert "Only the upper side seems to be clamped" in page
    assert "✗ ends within the L-infinity ball" in page
    assert "of shape (" not in page
    summary = (small_class.out / "summary.html").read_text()
    assert "12 submissions" in summary
    assert "ps1.project_box: is the nearest change that both limits allow" in summary


def test_a_second_run_grades_nothing_again_and_keeps_points_given_by_hand(
    small_class: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (small_class.out / "grades.csv").read_text()
    hand = small_class.out / "hand.csv"
    blank = "000-right,ps1.reflection,,"
    assert blank in hand.read_text()
    hand.write_text(hand.read_text().replace(blank, "000-right,ps1.reflection,2.5,well argued"))
    monkeypatch.setattr(sandbox, "collect", lambda *_, **__: pytest.fail("graded again"))
    grade([str(small_class.home / "in"), "--out", str(small_class.out), "--seconds", str(SECONDS), "--sets", "ps1"])
    full = sum(FULL.values())
    assert small_class.rows()["000-right"]["total"] == f"{full + 2.5:g}"
    assert "well argued" in (small_class.out / "feedback" / "000-right.html").read_text()
    assert (small_class.out / "grades.csv").read_text() == before.replace(f",0,{full:g},", f",2.5,{full + 2.5:g},", 1)


def test_a_fork_bomb_costs_its_own_exercise_alone(tmp_path: Path) -> None:
    assert Class(tmp_path, ["bomb"]).wrong() == {}


@pytest.mark.full
def test_a_class_of_a_hundred_is_graded_in_time(tmp_path: Path) -> None:
    kinds = [*FRIENDLY, *hostile(tmp_path)]
    begin = time.monotonic()
    graded = Class(tmp_path, [kinds[number % len(kinds)] for number in range(100)])
    minutes = (time.monotonic() - begin) / 60
    print(f"100 submissions in {minutes:.1f} minutes")
    assert len(graded.rows()) == 100
    assert graded.wrong() == {}
    assert [path.name for path in graded.outside.iterdir()] == ["secret"]
    assert minutes < MOST_MINUTES


def test_masters_get_full_marks_and_untouched_student_versions_none(tmp_path: Path) -> None:
    needed(sandbox.available(), NO_BUBBLEWRAP)
    for student, version in (("master", "source"), ("untouched", "release")):
        for name in SETS:
            (tmp_path / "in" / student / name).mkdir(parents=True)
            nbformat.write(notebook(name, version), tmp_path / "in" / student / name / f"{name}.ipynb")
    grade([str(tmp_path / "in"), "--out", str(tmp_path / "out")])
    with (tmp_path / "out" / "grades.csv").open() as file:
        master, untouched = csv.DictReader(file)
    wanted = {name: f"{one.points:g}" for name, one in exercises().items()}
    assert {name: master[name] for name in wanted} == wanted
    assert {untouched[f"{name} status"] for name in wanted} == {"error"}
    assert untouched["total"] == "0"


def test_without_isolation_it_refuses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(sandbox.shutil, "which", lambda _: None)
    with pytest.raises(SystemExit):
        grade([str(tmp_path), "--out", str(tmp_path / "out")])
    assert "expected bubblewrap (bwrap, 0.8 or newer) to isolate students' code" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_inputs_travel_and_answers_come_back_as_they_are() -> None:
    one = exercises()["ps1.margin_pgd"]
    hidden = Hidden.sample(one, 3)
    again = Hidden.sample(one, 3)
    assert hidden.packed() == again.packed() != Hidden.sample(one, 4).packed()
    for sent, came in zip(hidden.cases, unpacked(load(hidden.packed())), strict=True):
        assert {name: type(part) for name, part in came.items()} == {name: type(part) for name, part in sent.items()}
        assert all(torch.as_tensor(came[name] == part).all() for name, part in sent.items())


def test_a_check_is_another_one_where_only_what_its_functions_are_given_changes() -> None:
    """Then its marks are old: of a function that a `partial` or a lambda makes of another, all counts."""
    one = exercises()["ps6.starts"]
    name, wrong = next((hint, each) for hint, each in one.wrong.items() if isinstance(each, partial))
    other = partial(wrong.func, *wrong.args, **wrong.keywords | {"scale": 0.75})
    checks = [Hidden.sample(replace(one, wrong={**one.wrong, name: each}), 3).check() for each in (wrong, wrong, other)]
    assert checks[0] == checks[1] != checks[2]
    assert " at 0x" not in json.dumps([Hidden.sample(each, 3).check()[1:] for each in exercises().values()]), (
        "an address changes with each run"
    )


def test_a_changed_helper_touches_the_checks_that_use_it_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def kept() -> dict[str, str]:
        return {name: json.dumps(Hidden.sample(one, 3).check()[1:]) for name, one in exercises().items()}

    before = kept()
    monkeypatch.setattr(ps1, "along", lambda gradient: gradient)
    monkeypatch.setattr(ps1.along, "__module__", "course_lib.checks.ps1")
    monkeypatch.setitem(ps1.stepped.__kwdefaults__, "direction", ps1.along)
    after = kept()
    changed = {name for name in before if before[name] != after[name]}
    assert {"ps1.project_l2", "ps1.project_patch", "ps1.margin_pgd"} <= changed
    assert not {"ps1.project_box", "ps1.direction_sparse", "ps5.difference", "ps7.likeness"} & changed


@pytest.mark.parametrize("content", [b"", b"no safetensors", b"\x80\x04." * 10])
def test_an_answer_that_is_no_safetensors_scores_nothing(content: bytes) -> None:
    hidden = Hidden.sample(exercises()["ps1.project_box"], 0)
    result = mark_of(hidden, Answer("ps1.project_box", "ran", "", 0.1, content))
    assert (result.status, result.points) == ("error", 0.0)


def test_answers_with_foreign_or_missing_parts_score_nothing() -> None:
    from safetensors.torch import save

    hidden = Hidden.sample(exercises()["ps1.project_box"], 0)
    for tensors in ({"0/result": torch.zeros(1)}, {"0/expected": torch.zeros(1)}, {"99/result": torch.zeros(1)}):
        assert mark_of(hidden, Answer("ps1.project_box", "ran", "", 0.1, save(tensors))).points == 0


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"garbage",
        b'{"exercise": "ps1.a"}\n',
        b'{"exercise": "ps1.a", "status": "ran", "message": "", "seconds": 1, "bytes": 99}\nshort',
        b'{"exercise": "other", "status": "ran", "message": "", "seconds": 1, "bytes": 0}\n',
        b'{"exercise": "ps1.a", "status": "ran", "message": "", "seconds": 1, "bytes": -1}\n',
    ],
)
def test_a_stream_that_makes_no_sense_gives_no_answer(output: bytes) -> None:
    assert list(parsed(output, {"ps1.a": {}})) == []


def test_only_the_first_answer_to_an_exercise_counts() -> None:
    head = {"exercise": "ps1.a", "status": "ran", "message": "", "seconds": 1, "bytes": 2}
    frame = json.dumps(head).encode() + b"\nxy"
    assert [answer.content for answer in parsed(frame + frame, {"ps1.a": {}, "ps1.b": {}})] == [b"xy"]


def test_a_notebook_of_another_kind_is_told_and_not_fatal(tmp_path: Path) -> None:
    for number, text in enumerate(("[]", '{"cells": 3}', '{"cells": [{"metadata": null}]}', "null")):
        (tmp_path / f"{number}.ipynb").write_text(text)
    found = submission("x", sorted(tmp_path.glob("*.ipynb")))
    assert len(found.problems) == 4
    assert found.sources == {}


def test_the_seed_is_drawn_once(tmp_path: Path) -> None:
    first = seed_of(tmp_path, None)
    assert seed_of(tmp_path, None) == first
    assert seed_of(tmp_path, 5) == 5
    assert seed_of(tmp_path, None) == 5


def test_points_by_hand_are_numbers_and_cells_are_no_formulas() -> None:
    assert given([{"points": "2"}, {"points": ""}]) == 2
    with pytest.raises(ValueError, match=r"in hand.csv for ps1.reflection of ada, got 'two'"):
        given([{"points": "two", "item": "ps1.reflection", "student": "ada"}])
    assert harmless("=1+1") == "'=1+1"
