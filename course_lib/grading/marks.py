"""Marks: hidden inputs go to the sandbox, outputs come back, and are judged here, where no student's code runs."""

import inspect
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any

import torch
from safetensors.torch import load, save

from course_lib.checks.asking import Inputs, Outputs, packed
from course_lib.checks.exercise import Exercise, assess, points
from course_lib.grading.sandbox import Answer
from course_lib.one_line import OneLine
from course_lib.storage.files import digest

AGAIN = "not graded, since the machine gave no answer: run the same command again"


@dataclass(frozen=True, repr=False)
class Mark(OneLine):
    """One exercise of one student: points, a status, which rules are kept, and what to tell the student.

    `key` is a hash of all that the mark depends on; "ungraded" is no mark, has none and is never kept.
    """

    exercise: str
    status: str
    points: float = 0.0
    kept: Sequence[str] = ()
    broken: Sequence[str] = ()
    said: str = ""
    seconds: float = 0.0
    key: str = ""


@dataclass(frozen=True, repr=False)
class Marked(OneLine):
    """One student's marks, with the hash of what was marked and of the hidden inputs."""

    student: str
    sha256: str
    drawn: str
    problems: Sequence[str]
    marks: Sequence[Mark]

    @property
    def total(self) -> float:
        return sum(mark.points for mark in self.marks)

    @property
    def whole(self) -> bool:
        return all(mark.status != "ungraded" for mark in self.marks)


@dataclass(frozen=True, repr=False)
class Hidden(OneLine):
    exercise: Exercise
    cases: Sequence[Inputs]

    @classmethod
    def sample(cls, exercise: Exercise, random_seed: int) -> "Hidden":
        return cls(exercise, list(exercise.cases(torch.Generator().manual_seed(random_seed))))

    def task(self, source: Sequence[str]) -> dict[str, Any]:
        """What the sandbox has to know."""
        return {
            "source": source,
            "function": self.exercise.name.split(".")[1],
            "ask": asdict(self.exercise.ask),
        }

    def check(self) -> list[Any]:
        """What a check is, in words and numbers: where these change, its marks are old."""
        one = self.exercise
        rules = [[rule.name, rule.points, rule.manners, written(rule.broken)] for rule in one.rules]
        wrong = [[hint, written(function)] for hint, function in one.wrong.items()]
        return [digest(self.packed()), rules, written(one.reference), wrong, asdict(one.ask)]

    def packed(self) -> bytes:
        return save(packed(self.cases))

    def unpacked(self, content: bytes) -> list[Outputs]:
        """The outputs of each case; ValueError where they are not what was asked for."""
        try:
            tensors = load(content)
        except Exception as error:
            raise ValueError("the answer could not be read") from error
        names = ["result", "changed", *(["alone"] if self.exercise.ask.alone else [])]
        wanted = [{name: f"{case}/{name}" for name in names} for case in range(len(self.cases))]
        keys = {key for case in wanted for key in case.values()}
        if tensors.keys() != keys:
            raise ValueError("the answer is incomplete, or has parts that were not asked for")
        return [{name: tensors[key] for name, key in case.items()} for case in wanted]


def written(part: Any, above: tuple[Any, ...] = ()) -> Any:
    """The source of a function, of what it calls and of what it was given; of anything else what Python says of it."""
    if isinstance(part, partial):
        given = [*part.args, *part.keywords.values()]
        return [written(part.func, above), *part.keywords, *(written(one, above) for one in given)]
    if not inspect.isfunction(part):
        return getattr(part, "__qualname__", repr(part))
    found = [part.__globals__.get(name) for name in sorted(names(part.__code__))]
    found += [cell.cell_contents for cell in part.__closure__ or ()]
    found += [*(part.__defaults__ or ()), *(part.__kwdefaults__ or {}).values()]
    ours = [one for one in found if isinstance(one, partial) or (is_ours(one) and one not in above)]
    return [inspect.getsource(part), *(written(one, (*above, part)) for one in ours)]


def is_ours(part: Any) -> bool:
    return inspect.isfunction(part) and part.__module__.startswith("course_lib")


def names(code: CodeType) -> set[str]:
    """What code looks up by name, with the functions in it."""
    inner = (names(one) for one in code.co_consts if isinstance(one, CodeType))
    return {*code.co_names}.union(*inner)


def mark_of(hidden: Hidden, answer: Answer | None) -> Mark:
    name = hidden.exercise.name
    if answer is None:
        return Mark(name, "ungraded", said=AGAIN)
    if answer.status != "ran":
        status = answer.status if answer.status in ("timeout", "memory") else "error"  # a student may have written it
        return Mark(name, status, said=answer.message, seconds=answer.seconds)
    try:
        verdicts, hint = assess(hidden.exercise, hidden.cases, hidden.unpacked(answer.content))
    except Exception as error:  # tensors that no rule foresees are wrong, too
        return Mark(name, "error", said=f"{type(error).__name__}: {error}"[:200], seconds=answer.seconds)
    kept, broken = ([one.rule.name for one in verdicts if one.kept is wanted] for wanted in (True, False))
    return Mark(name, "wrong" if broken else "ok", points(verdicts), kept, broken, hint, answer.seconds)


def key(*parts: Any) -> str:
    return digest(json.dumps(parts).encode())


def known(path: Path) -> Marked | None:
    try:
        values = json.loads(path.read_text())
        return Marked(**values | {"marks": [Mark(**one) for one in values["marks"]]})
    except (OSError, ValueError, KeyError, TypeError):
        return None
