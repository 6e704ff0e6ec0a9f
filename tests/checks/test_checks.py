"""The exercises: right answers pass, and each of the typical mistakes loses points with a message that names it."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from course_lib.checks import check, progress
from course_lib.checks.asking import Ask
from course_lib.checks.exercise import Exercise, alike, assess, points
from course_lib.checks.report import SETS, exercise, exercises
from tests.checks.students import STUDENTS, written

ALL = exercises()
MISTAKES = [(name, number) for name, one in ALL.items() for number in range(len(one.wrong))]


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "new"))


def test_there_are_about_thirty_exercises_in_seven_sets() -> None:
    assert [len([name for name in ALL if name.startswith(one)]) for one in SETS] == [5, 3, 4, 5, 3, 6, 3]
    assert len(MISTAKES) >= 100


@pytest.mark.parametrize("name", ALL)
def test_the_reference_passes_within_two_seconds(name: str) -> None:
    begin = time.process_time()
    report = check(name, ALL[name].reference)
    assert report.passed, report
    assert "Visible checks passed" in str(report)
    assert "all correct" not in str(report).lower()
    assert time.process_time() - begin < 2


@pytest.mark.parametrize(("name", "number"), MISTAKES)
def test_a_mistake_loses_points_and_is_named(name: str, number: int) -> None:
    """Of a student who makes it in code of their own: a change of the master's solution."""
    hint = [*ALL[name].wrong][number]
    report = check(name, function(name, written(name, STUDENTS[name][number])))
    assert not report.passed
    assert hint in str(report)
    assert points(report.verdicts) <= 0.5 * ALL[name].points


def function(name: str, source: str) -> Callable[..., Any]:
    """What a student's cell defines, run as the grader runs it."""
    space: dict[str, Any] = {"torch": torch, "F": F}
    exec(source, space)
    return space[name.partition(".")[2]]


def test_a_student_makes_each_of_the_mistakes() -> None:
    assert {name: len(one.wrong) for name, one in ALL.items()} == {name: len(made) for name, made in STUDENTS.items()}


@pytest.mark.parametrize("name", ALL)
def test_the_hints_of_an_exercise_differ(name: str) -> None:
    hints = [*ALL[name].wrong]
    assert len(set(hints)) == len(hints)
    assert len(hints) >= 3


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_other_inputs_tell_the_mistakes_apart_as_well(name: str, seed: int) -> None:
    """What the grader draws is as strict as what students see."""
    one = ALL[name]
    cases = list(one.cases(torch.Generator().manual_seed(seed)))
    right = [one.ask(one.reference, inputs) for inputs in cases]
    for hint, wrong in one.wrong.items():
        answers = [one.ask(wrong, inputs) for inputs in cases]
        assert not alike(answers, right), hint


@pytest.mark.parametrize("name", ALL)
def test_the_order_of_the_inputs_does_not_matter(name: str) -> None:
    one = ALL[name]
    (first, *_) = one.cases(torch.Generator().manual_seed(0))
    turned = dict(reversed(first.items()))
    for function in (one.reference, *one.wrong.values()):
        assert alike([one.ask(function, first)], [one.ask(function, turned)])


@pytest.mark.parametrize(
    ("name", "function", "broken"),
    [
        ("project_box", lambda delta, start, radius: delta.clamp_(-radius, radius), "leaves its inputs unchanged"),
        ("project_patch", lambda delta, mask, radius: 2 * delta, "ends within the L2 ball"),
        ("project_patch", lambda delta, mask, radius: delta + 1, "leaves a change that is allowed as it is"),
        ("project_patch", lambda delta, mask, radius: delta - delta.mean(0), "treats each item of a batch on its own"),
        ("direction_sparse", lambda gradient, count: gradient, "leads downhill"),
        ("direction_sparse", lambda gradient, count: -2 * gradient, "lowers the loss the most"),
    ],
)
def test_a_rule_sees_what_it_is_about(name: str, function: Callable[..., Any], broken: str) -> None:
    report = check(f"ps1.{name}", function)
    assert broken in [verdict.rule.name for verdict in report.verdicts if not verdict.kept]
    assert report.verdicts[0].kept


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda delta, mask, radius: None, "got nothing: is there a return?"),
        (lambda delta, mask, radius: delta.numpy(), "got a ndarray"),
        (lambda delta, mask, radius: delta[0], "expected a tensor of shape (3, 3, 8, 8), got (3, 8, 8)"),
        (lambda delta, mask, radius: delta.long(), "expected numbers of type torch.float32, got torch.int64"),
        (
            lambda delta, mask, radius: delta.to(torch.complex64),
            "expected numbers of type torch.float32, got torch.complex64",
        ),
        (lambda delta, mask, radius: torch.zeros(0), "expected a tensor of shape (3, 3, 8, 8), got (0,)"),
        (lambda delta, mask, radius: delta * float("nan"), "expected finite numbers, got NaN or infinity"),
        (lambda delta: delta, "ended in TypeError"),
        (lambda delta, mask, radius: 1 / 0, "ended in ZeroDivisionError: division by zero"),
        (lambda delta, mask, radius: [][1], "ended in IndexError"),
    ],
)
def test_what_is_wrong_is_said_in_words_and_not_in_a_traceback(function: Callable[..., Any], words: str) -> None:
    report = check("ps1.project_patch", function)
    assert not report.passed
    assert words in str(report)
    assert "Traceback" not in str(report)
    assert "for delta of shape (3, 3, 8, 8), mask of shape (3, 1, 8, 8), radius=" in str(report)
    assert "Read: notebook 02" in str(report)


def test_nan_keeps_no_rule_about_values() -> None:
    report = check("ps1.direction_sparse", lambda gradient, count: gradient * float("nan"))
    assert not any(verdict.kept for verdict in report.verdicts)


def test_manners_count_only_on_top_of_a_right_answer() -> None:
    nothing = check("ps1.project_patch", lambda delta, mask, radius: delta)
    assert points(nothing.verdicts) == 1  # what is inside stays as it is
    right = check("ps1.project_patch", ALL["ps1.project_patch"].reference)
    assert points(right.verdicts) == ALL["ps1.project_patch"].points == 7


def test_the_report_is_safe_as_html() -> None:
    report = check("ps1.project_patch", lambda delta, mask, radius: (_ for _ in ()).throw(ValueError("<script>")))
    assert "&lt;script&gt;" in report._repr_html_()


def test_progress_outlives_the_kernel(tmp_path: Any) -> None:
    assert "ps1.project_box            not tried" in progress()
    check("ps1.project_box", lambda delta, start, radius: delta)
    check("ps1.direction_sparse", ALL["ps1.direction_sparse"].reference)
    assert "ps1.project_box            3 of 5" in progress()  # read from the file: nothing is kept in memory
    assert "ps1.direction_sparse       passed" in progress()
    file = tmp_path / "new" / "progress.json"
    assert json.loads(file.read_text())["ps1.direction_sparse"]["passed"]
    file.write_text("{broken")
    assert "ps1.direction_sparse       not tried" in progress()


def test_an_unknown_exercise_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected an exercise among ps1.project_l2, .*, got 'ps1.projekt'"):
        exercise("ps1.projekt")


def test_a_mistake_that_equals_the_right_answer_is_not_named() -> None:
    one = ALL["ps1.project_box"]
    same = Exercise(**{**vars(one), "wrong": {"never said": one.reference}})
    cases = list(one.cases(torch.Generator().manual_seed(0)))
    answers = [one.ask(lambda delta, start, radius: delta, inputs) for inputs in cases]
    assert assess(same, cases, answers)[1] == ""


def test_an_ask_turns_weights_into_a_model_and_delta_into_an_attack() -> None:
    inputs = {"weights": torch.eye(2, 4), "images": torch.ones(2, 1, 2, 2), "delta": torch.full((2, 1, 2, 2), 0.5)}

    def function(model: Any, images: torch.Tensor, attack: Any) -> torch.Tensor:
        return torch.cat([model(images), attack(images, torch.tensor([0, 1])).flatten(1)], 1)

    result = Ask(model=True, attack=True)(function, inputs)["result"]
    assert torch.equal(result[0], torch.ones(6))
    assert torch.equal(result[1], torch.tensor([1, 1, 0.5, 0.5, 0.5, 0.5]))
