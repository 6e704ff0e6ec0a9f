"""A class is graded: students' code runs in the sandbox, after the reference solutions have, and marks are kept."""

import json
import sys
import tempfile
from collections.abc import Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from course_lib.checks.report import exercise
from course_lib.grading import sandbox
from course_lib.grading.marks import Hidden, Mark, Marked, key, known, mark_of
from course_lib.grading.sandbox import Answer, Limits
from course_lib.grading.submissions import Submission, file_of, submissions
from course_lib.storage.files import write

EVERY = 30.0  # seconds between two lines of how far it is, where nobody looks at a terminal
REFERENCE = "from course_lib.checks.report import exercise\n{} = exercise({!r}).reference"


class Grader:
    """Grades submissions on hidden inputs, made once from a random seed that only the grader knows.

    Marks of before count where nothing they depend on has changed, unless `again` names their exercise or student.
    """

    def __init__(self, names: Sequence[str], *, seed: int, limits: Limits, again: Container[str] = ()) -> None:
        self.hidden = {name: Hidden.sample(exercise(name), seed) for name in names}
        self.packed = {name: hidden.packed() for name, hidden in self.hidden.items()}
        self.limits, self.again = limits, again
        self.checks = {name: key(hidden.check(), vars(limits)) for name, hidden in self.hidden.items()}
        self.drawn = key(self.checks)

    def kept(self, submission: Submission, old: Marked | None) -> dict[str, Mark]:
        """Marks of before that still hold."""
        if old is None or old.student in self.again:
            return {}
        keys = {name: key(check, submission.sources.get(name)) for name, check in self.checks.items()}
        return {one.exercise: one for one in old.marks
                if one.key and keys.get(one.exercise) == one.key and one.exercise not in self.again}  # fmt: skip

    def tasks(self, submission: Submission, kept: Container[str]) -> dict[str, Any]:
        """What is to be run, beside the marks that are kept."""
        sources = submission.sources
        return {
            name: one.task(sources[name]) for name, one in self.hidden.items() if name in sources and name not in kept
        }

    def planned(self, found: Sequence[Submission], out: Path) -> dict[str, list[str]]:
        """The exercises that are to be run of each student."""
        return {one.student: [*self.tasks(one, self.kept(one, known(kept_in(out, one))))] for one in found}

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
            job = Path(folder) / "job"  # which others may read, but not reach
            job.mkdir()
            for name in tasks:
                (job / f"{name}.safetensors").write_bytes(self.packed[name])
            ran = sandbox.collect(tasks, job, limits=self.limits, course=course)
        return {answer.exercise: answer for answer in ran}

    def grade(self, submission: Submission, old: Marked | None = None) -> Marked:
        """Marks for every exercise, whatever was handed in; what got no answer is tried once more, alone."""
        kept = self.kept(submission, old)
        tasks = self.tasks(submission, kept)
        answers = self.run(tasks) if tasks else {}
        for name in tasks.keys() - answers:
            answers |= self.run({name: tasks[name]})
        marks = [kept.get(name) or self.mark(name, submission, answers.get(name)) for name in self.hidden]
        return Marked(submission.student, submission.sha256, self.drawn, submission.problems, marks)

    def mark(self, name: str, submission: Submission, answer: Answer | None) -> Mark:
        sources = submission.sources.get(name)
        missing = Mark(name, "missing", said="No cell with this exercise's id or function was handed in.")
        mark = mark_of(self.hidden[name], answer) if sources else missing
        return mark if mark.status == "ungraded" else replace(mark, key=key(self.checks[name], sources))


def kept_in(out: Path, submission: Submission) -> Path:
    """The file of a student's marks."""
    return out / "results" / f"{file_of(submission.student)}.json"


def grade_class(folder: Path, out: Path, grader: Grader, *, workers: int) -> list[Marked]:
    """Grade every submission below a folder."""
    return grade_all(list(submissions(folder)), out, grader, workers=workers)


def grade_all(found: Sequence[Submission], out: Path, grader: Grader, *, workers: int) -> list[Marked]:
    """Grade submissions, several at a time, say how far it is, and keep what comes of each at once.

    Nothing of a submission, and no failure of the machine, ends the grading of the others.
    """
    from huggingface_hub.utils.tqdm import tqdm  # takes half a second

    before = [known(kept_in(out, one)) for one in found]
    busy = any(grader.tasks(one, grader.kept(one, old)) for one, old in zip(found, before, strict=True))
    if busy:
        print(f"{len(found)} to grade, after the reference solutions", file=sys.stderr, flush=True)
        grader.prove()

    def one(submission: Submission, old: Marked | None) -> Marked:
        try:
            marked = grader.grade(submission, old)
            marks = [mark for mark in marked.marks if mark.key]
            write(kept_in(out, submission), json.dumps(asdict(replace(marked, marks=marks)), indent=1).encode())
        except Exception as error:  # of this machine, such as a full disk
            problems = (*submission.problems, f"not graded: {type(error).__name__}: {error}"[:200])
            marks = [mark_of(hidden, None) for hidden in grader.hidden.values()]
            marked = Marked(submission.student, submission.sha256, grader.drawn, problems, marks)
        return marked

    often = 0.1 if sys.stderr.isatty() else EVERY
    with ThreadPoolExecutor(workers) as pool:
        return [*tqdm(pool.map(one, found, before), "graded", len(found), disable=not busy, mininterval=often)]
