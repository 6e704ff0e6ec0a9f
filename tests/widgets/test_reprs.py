"""What a cell shows of a value that it ends in: one line, whatever the value holds."""

import inspect
from dataclasses import fields, is_dataclass
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import pytest
import torch
from IPython.lib.pretty import pretty
from torch import nn

import course_lib
from course_lib.checks import Report, attempt, check
from course_lib.checks.asking import Ask
from course_lib.one_line import LONGEST
from course_lib.widgets import Canvas, History
from course_lib.widgets.buttons import Hold, Page
from tests.widgets.test_player import Bench

ROOMS = tuple(f"course_lib.{room}." for room in ("widgets", "checks", "grading"))
MODULES = [name for _, name, _ in walk_packages(course_lib.__path__, "course_lib.") if name.startswith(ROOMS)]
ALONE = {"course_lib.grading.runner", "course_lib.grading.watching"}  # run in the sandbox, without the course


def kinds() -> dict[str, type]:
    """Every class of values in these rooms, but for `Ask`, which goes into the sandbox and holds only names."""
    modules = [import_module(name) for name in MODULES if name not in ALONE]
    found = [
        kind for module in modules for kind in vars(module).values() if inspect.isclass(kind) and is_dataclass(kind)
    ]
    return {kind.__qualname__: kind for kind in found if kind.__module__.startswith(ROOMS) and kind is not Ask}


KINDS = kinds()
LARGE: list[Any] = [
    torch.rand(4, 3, 8, 8),
    [torch.rand(50)] * 3,
    "two\nlines " * 50,
    lambda images: images,
    nn.Flatten(),
]


def test_the_kinds_of_all_three_rooms_are_looked_at() -> None:
    assert {
        "Moment",
        "Trajectory",
        "Trace",
        "Update",
        "Request",
        "Exercise",
        "Report",
        "Marked",
    } <= KINDS.keys()
    assert len(KINDS) > 20


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("part", LARGE, ids=["tensor", "list", "text", "function", "module"])
def test_a_value_is_one_line_whatever_it_holds(name: str, part: Any) -> None:
    value = object.__new__(KINDS[name])
    vars(value).update({field.name: part for field in fields(KINDS[name])})
    assert repr(value).startswith(f"{name}(")
    assert len(repr(value)) <= LONGEST
    assert "\n" not in repr(value)


def test_demos_and_their_buttons_are_one_line_too() -> None:
    history = History({"robust": torch.rand(4, 3, 8, 8)})
    for value in (
        Bench().player(),
        history,
        Canvas(8, picture=torch.rand(3, 8, 8)),
        Hold(description="Hold"),
        Page(),
        attempt(lambda: torch.zeros(10**6).view(7)),
    ):
        assert len(repr(value)) <= LONGEST
        assert "\n" not in repr(value)


def test_a_report_has_all_its_lines_where_it_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    report = check("ps1.project_box", lambda delta, start, radius: delta)
    assert isinstance(report, Report)
    assert pretty(report) == str(report)
    assert "✗ ends within the L-infinity ball" in str(report)
