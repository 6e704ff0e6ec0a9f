"""Scores: hidden inputs are made here, outputs come from the sandbox, and no student's code runs here."""

import inspect
import json
import tempfile
from collections.abc import Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
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
from course_lib.grading.submissions import Submission, file_of, submissions
from course_lib.one_line import OneLine
from course_lib.storage.files import digest, write

STATUSES = ("ok", "wrong", "error", "timeout", "memory", "missing", "ungraded")
REFERENCE = "from course_lib.checks.report import exercise\n{} = exercise({!r}).reference"
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
            "cases": len(self.cases),
            "numbers": [name for name, value in self.cases[0].items() if not isinstance(value, Tensor)],
        }

    def check(self) -> list[Any]:
        """What a check is, in words and numbers: where these change, its marks are old."""
        one = self.exercise
        rules = [[rule.name, rule.points, rule.manners, inspect.getsource(rule.broken)] for rule in one.rules]
        functions = [one.reference, *(mistake.function for mistake in one.mistakes)]
        sources = [inspect.getsource(getattr(function, "func", function)) for function in functions]
        return [digest(self.packed()), rules, sources, [mistake.hint for mistake in one.mistakes], asdict(one.ask)]

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
        return Mark(name, "ungraded", said=AGAIN)
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
    """Grades submissions on hidden inputs, made once from a random seed that only the grader knows.

    Marks of before count where nothing they depend on has changed, unless `again` names their exercise or student.
    """

    def __init__(
        self, names: Sequence[str], *, seed: int, limits: Limits, isolate: bool = True, again: Container[str] = ()
    ) -> None:
        self.hidden = {name: Hidden.sample(exercise(name), seed) for name in names}
        self.packed = {name: hidden.packed() for name, hidden in self.hidden.items()}
        self.limits, self.isolate, self.again = limits, isolate, again
        self.checks = {name: key(hidden.check(), vars(limits)) for name, hidden in self.hidden.items()}
        self.drawn = key(self.checks)

    def kept(self, submission: Submission, old: Marked | None) -> dict[str, Mark]:
        """Marks of before that still hold."""
        if old is None or old.student in self.again:
            return {}
        keys = {name: key(check, submission.sources.get(name)) for name, check in self.checks.items()}
        return {one.exercise: one for one in old.marks
                if one.key and keys.get(one.exercise) == one.key and one.exercise not in self.again}  # fmt: skip

    def tasks(self, submission: Submission, old: Marked | None) -> dict[str, Any]:
        """What is to be run."""
        kept, sources = self.kept(submission, old), submission.sources
        return {name: one.task(sources[name]) for name, one in self.hidden.items() if name in sources.keys() - kept}

    def prove(self) -> None:
        """Run the reference solutions as students' code is run; RuntimeError where one loses points."""
        words = {name: REFERENCE.format(name.split(".")[1], name) for name in self.hidden}
        answers = self.run({name: one.task([words[name]]) for name, one in self.hidden.items()}, course=True)
        for mark in (mark_of(one, answers.get(name)) for name, one in self.hidden.items()):
            if mark.status != "ok":
                raise RuntimeError(
                    f"expected full points for the reference solution of {mark.exercise} on this machine, got "
                    f"{mark.status} ({mark.said}): nobody was graded"
                )

    def run(self, tasks: Mapping[str, Any], *, course: bool = False) -> dict[str, Answer]:
        with tempfile.TemporaryDirectory() as folder:
            for name in tasks:
                (Path(folder) / f"{name}.safetensors").write_bytes(self.packed[name])
            ran = sandbox.collect(tasks, Path(folder), limits=self.limits, isolate=self.isolate, course=course)
        return {answer.exercise: answer for answer in ran}

    def grade(self, submission: Submission, old: Marked | None = None) -> Marked:
        """Marks for every exercise, whatever was handed in; what got no answer is tried once more, alone."""
        tasks = self.tasks(submission, old)
        answers = self.run(tasks) if tasks else {}
        for name in tasks.keys() - answers:
            answers |= self.run({name: tasks[name]})
        kept = self.kept(submission, old)
        marks = [kept.get(name) or self.mark(name, submission, answers.get(name)) for name in self.hidden]
        return Marked(submission.student, submission.sha256, self.drawn, submission.problems, marks)

    def mark(self, name: str, submission: Submission, answer: Answer | None) -> Mark:
        sources = submission.sources.get(name)
        missing = Mark(name, "missing", said="No cell with this exercise's id or function was handed in.")
        mark = mark_of(self.hidden[name], answer) if sources else missing
        return mark if mark.status == "ungraded" else replace(mark, key=key(self.checks[name], sources))


def key(*parts: Any) -> str:
    return digest(json.dumps(parts).encode())


def grade_class(folder: Path, out: Path, grader: Grader, *, workers: int) -> list[Marked]:
    """Grade every submission below a folder, several at a time, and keep what comes of each at once.

    Nothing of a submission, and no failure of the machine, ends the grading of the others.
    """
    return grade_all(list(submissions(folder)), out, grader, workers=workers)


def grade_all(found: Sequence[Submission], out: Path, grader: Grader, *, workers: int) -> list[Marked]:
    results = out / "results"
    results.mkdir(parents=True, exist_ok=True)
    before = {one.student: known(results / f"{file_of(one.student)}.json") for one in found}
    if any(grader.tasks(one, before[one.student]) for one in found):
        grader.prove()

    def one(submission: Submission) -> Marked:
        try:
            marked = grader.grade(submission, before[submission.student])
            marks = [mark for mark in marked.marks if mark.key]
            stored = json.dumps(asdict(replace(marked, marks=marks)), indent=1).encode()
            write(results / f"{file_of(submission.student)}.json", stored)
        except Exception as error:  # of this machine, such as a full disk
            problems = (*submission.problems, f"not graded: {type(error).__name__}: {error}"[:200])
            marks = [mark_of(hidden, None) for hidden in grader.hidden.values()]
            return Marked(submission.student, submission.sha256, grader.drawn, problems, marks)
        return marked

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, found))


def known(path: Path) -> Marked | None:
    try:
        values = json.loads(path.read_text())
        return Marked(**values | {"marks": [Mark(**one) for one in values["marks"]]})
    except (OSError, ValueError, KeyError, TypeError):
        return None
