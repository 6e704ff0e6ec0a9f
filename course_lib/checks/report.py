"""What a student sees of a check, and what is remembered of it."""

import html
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch

from course_lib.checks import ps1, ps2, ps3, ps4, ps5, ps6, ps7
from course_lib.checks.alone import alone, idle, limited, quiet
from course_lib.checks.asking import EAGER, Function, Inputs, Outputs, ended
from course_lib.checks.exercise import Exercise, Verdict, assess, described
from course_lib.one_line import OneLine
from course_lib.storage.files import default_cache, write

MODULES = {"ps1": ps1, "ps2": ps2, "ps3": ps3, "ps4": ps4, "ps5": ps5, "ps6": ps6, "ps7": ps7}
SETS = tuple(MODULES)
IDLE = "Where your cell is graded, display, magics and commands do nothing."
BY_HAND = {"ps7": ("reflection", "project")}  # what people grade; of any other set the reflection alone
VISIBLE = 0  # the random seed of a student's own checks; the grader has others


def exercises() -> dict[str, Exercise]:
    return {one.name: one for module in MODULES.values() for one in module.EXERCISES}


def exercise(name: str) -> Exercise:
    found = exercises().get(name)
    if found is None:
        raise ValueError(f"expected an exercise among {', '.join(exercises())}, got {name!r}")
    return found


@dataclass(frozen=True, repr=False)
class Report(OneLine):
    """The verdicts on one exercise; shown as text and, in a notebook, as a list."""

    exercise: Exercise
    verdicts: Sequence[Verdict] = ()
    hint: str = ""
    error: str = ""
    note: str = ""

    @property
    def passed(self) -> bool:
        return not self.error and all(verdict.kept for verdict in self.verdicts)

    def lines(self) -> list[tuple[str, str]]:
        """(mark, sentence) of each rule, then what to do next."""
        lines = [
            ("✓" if verdict.kept else "✗", verdict.rule.name + (f": {verdict.problem}" if verdict.problem else ""))
            for verdict in self.verdicts
        ]
        if self.error:
            lines.append(("✗", self.error))
        lines += [("", self.note)] if self.note else []
        if self.passed:
            return [*lines, ("", "Visible checks passed. The grader draws other inputs.")]
        likely = [("", f"Likely cause: {self.hint}")] if self.hint else []
        return [*lines, *likely, ("", f"Read: {self.exercise.read}.")]

    def __str__(self) -> str:
        return "\n".join([self.exercise.name, *(f"{mark or ' '} {text}" for mark, text in self.lines())])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """All lines where IPython shows text."""
        printer.text(str(self))

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<li style="list-style:none">{f"<b>{mark}</b> " if mark else ""}{html.escape(text)}</li>'
            for mark, text in self.lines()
        )
        return f'<div><b>{html.escape(self.exercise.name)}</b><ul style="padding-left:1em">{rows}</ul></div>'


def check(name: str, function: Function) -> Report:
    """Check a student's function on random inputs, and remember how it went. Never shows the answer.

    Raises ValueError for an unknown exercise; everything that goes wrong in the function becomes part of the report.
    Where nbgrader runs the notebook, a check that fails raises AssertionError, since nbgrader looks for errors.
    """
    report = reported(exercise(name), function)
    remember(report)
    if "NBGRADER_EXECUTION" in os.environ and not report.passed:
        raise AssertionError(str(report))
    return report


def reported(found: Exercise, function: Function) -> Report:
    """What is to be said of a function: whether it can be graded at all, then its verdicts."""
    name, cases = found.name.partition(".")[2], list(found.cases(torch.Generator().manual_seed(VISIBLE)))
    answers: list[Outputs] = []
    inputs: Inputs = {}
    try:
        with limited(), quiet(), EAGER:
            own = alone(name, function)
            for inputs in cases:
                answers.append(found.ask(own, inputs))
    except Exception as error:
        return Report(found, error=failure(error, inputs))
    verdicts, hint = assess(found, cases, answers)
    return Report(found, verdicts, hint, note=IDLE if idle(name) else "")


def failure(error: Exception, inputs: Inputs) -> str:
    """An error of the student's function, or of its cell, in one sentence."""
    if isinstance(error, NotImplementedError):
        return "not written yet: replace `raise NotImplementedError` by your code"
    return f"{ended(error)}, for {described(inputs)}" if inputs else ended(error)


def remember(report: Report) -> None:
    """Note in the cache folder how an exercise stands, so that progress outlives the kernel."""
    kept = sum(verdict.kept for verdict in report.verdicts)
    standing = {"kept": kept, "of": len(report.exercise.rules), "passed": report.passed}
    with suppress(OSError):  # where nothing can be written, a check is told all the same
        content = json.dumps(known_progress() | {report.exercise.name: standing}, indent=1)
        write(default_cache() / "progress.json", content.encode())


def known_progress() -> dict[str, dict[str, int]]:
    try:
        return dict(json.loads((default_cache() / "progress.json").read_text()))
    except (OSError, ValueError):
        return {}


def progress() -> str:
    """How every exercise stands, as text."""

    def words(state: Mapping[str, int] | None) -> str:
        return "not tried" if state is None else "passed" if state["passed"] else f"{state['kept']} of {state['of']}"

    standing = known_progress()
    return "\n".join(f"{name:26} {words(standing.get(name))}" for name in exercises())
