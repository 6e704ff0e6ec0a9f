"""Scores: hidden inputs are made here, outputs come from the sandbox, and no student's code runs here."""

import json
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from course_lib.checks.asking import Inputs, Outputs
from course_lib.checks.exercise import Exercise, assess, points
from course_lib.checks.report import exercise
from course_lib.grading import sandbox
from course_lib.grading.sandbox import Answer, Limits
from course_lib.grading.submissions import Submission, submissions
from course_lib.one_line import OneLine
from course_lib.storage.files import digest, write

STATUSES = ("ok", "wrong", "error", "timeout", "memory", "missing", "duplicate")


@dataclass(frozen=True, repr=False)
class Mark(OneLine):
    """One exercise of one student: points, a status, which rules are kept, and what to tell the student."""

    exercise: str
    status: str
    points: float = 0.0
    kept: Sequence[str] = ()
    broken: Sequence[str] = ()
    said: str = ""
    seconds: float = 0.0


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


@dataclass(frozen=True, repr=False)
class Hidden(OneLine):
    exercise: Exercise
    cases: Sequence[Inputs]

    @classmethod
    def sample(cls, exercise: Exercise, random_seed: int) -> "Hidden":
        return cls(exercise, list(exercise.cases(torch.Generator().manual_seed(random_seed))))

    def task(self, source: str) -> dict[str, Any]:
        """What the sandbox has to know."""
        return {
            "source": source,
            "function": self.exercise.name.split(".")[1],
            "ask": asdict(self.exercise.ask),
            "cases": len(self.cases),
            "numbers": [name for name, value in self.cases[0].items() if not isinstance(value, Tensor)],
        }

    def packed(self) -> bytes:
        parts = {f"{case}/{name}": part for case, inputs in enumerate(self.cases) for name, part in inputs.items()}
        return save({name: torch.as_tensor(np.asarray(part)).contiguous() for name, part in parts.items()})

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


def mark_of(hidden: Hidden, answer: Answer | None) -> Mark:
    name = hidden.exercise.name
    if answer is None:
        return Mark(name, "error", said="The process ended before it gave an answer.")
    if answer.status != "ran":
        status = answer.status if answer.status in STATUSES else "error"
        return Mark(name, status, said=answer.message, seconds=answer.seconds)
    try:
        verdicts, hint = assess(hidden.exercise, hidden.cases, hidden.unpacked(answer.content))
    except Exception as error:  # tensors that no rule foresees are wrong, too
        return Mark(name, "error", said=f"{type(error).__name__}: {error}"[:200], seconds=answer.seconds)
    kept, broken = ([one.rule.name for one in verdicts if one.kept is wanted] for wanted in (True, False))
    return Mark(name, "wrong" if broken else "ok", points(verdicts), kept, broken, hint, answer.seconds)


class Grader:
    """Grades submissions on hidden inputs, made once from a random seed that only the grader knows."""

    def __init__(self, names: Sequence[str], *, seed: int, limits: Limits, isolate: bool = True) -> None:
        self.hidden = {name: Hidden.sample(exercise(name), seed) for name in names}
        self.packed = {name: hidden.packed() for name, hidden in self.hidden.items()}
        self.limits, self.isolate = limits, isolate
        self.drawn = digest(json.dumps([[name, digest(content)] for name, content in self.packed.items()]).encode())

    def grade(self, submission: Submission) -> Marked:
        """Marks for every exercise, whatever was handed in."""
        one = {name: sources[0] for name, sources in submission.sources.items() if len(set(sources)) == 1}
        tasks = {name: hidden.task(one[name]) for name, hidden in self.hidden.items() if name in one}
        answers: dict[str, Answer] = {}
        if tasks:
            with tempfile.TemporaryDirectory() as folder:
                for name in tasks:
                    (Path(folder) / f"{name}.safetensors").write_bytes(self.packed[name])
                ran = sandbox.collect(tasks, Path(folder), limits=self.limits, isolate=self.isolate)
                answers = {answer.exercise: answer for answer in ran}
        marks = [self.mark(name, submission, answers.get(name)) for name in self.hidden]
        return Marked(submission.student, submission.sha256, self.drawn, submission.problems, marks)

    def mark(self, name: str, submission: Submission, answer: Answer | None) -> Mark:
        sources = submission.sources.get(name, [])
        if not sources:
            return Mark(name, "missing", said="No cell with this exercise's id was handed in.")
        if len(set(sources)) > 1:
            return Mark(name, "duplicate", said=f"{len(sources)} different cells have this exercise's id.")
        return mark_of(self.hidden[name], answer)


def grade_class(folder: Path, out: Path, grader: Grader, *, workers: int) -> list[Marked]:
    """Grade every submission below a folder, several at a time, and write what comes of each at once.

    What was graded before, with the same submission and the same hidden inputs, is not graded again.
    """
    results = out / "results"
    results.mkdir(parents=True, exist_ok=True)

    def one(submission: Submission) -> Marked:
        path = results / f"{submission.student}.json"
        if (old := known(path)) and (old.sha256, old.drawn) == (submission.sha256, grader.drawn):
            return old
        marked = grader.grade(submission)
        write(path, json.dumps(asdict(marked), indent=1).encode())
        return marked

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, submissions(folder)))


def known(path: Path) -> Marked | None:
    try:
        values = json.loads(path.read_text())
        return Marked(**values | {"marks": [Mark(**one) for one in values["marks"]]})
    except (OSError, ValueError, KeyError, TypeError):
        return None
