"""python -m course_lib grade SUBMISSIONS/ --out grades/

SUBMISSIONS has a folder for each student, with notebooks whose cells carry the ids of exercises. Comes out: grades.csv,
feedback/STUDENT.html, summary.html, and hand.csv for points given by hand. Run again, it grades only what has changed.
"""

import argparse
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from course_lib.checks.report import exercises
from course_lib.grading import sandbox
from course_lib.grading.grade import Grader, grade_all
from course_lib.grading.hand import checked, rows_of
from course_lib.grading.reflections import texts
from course_lib.grading.reports import write_reports
from course_lib.grading.sandbox import Limits
from course_lib.grading.submissions import submissions
from course_lib.storage.files import write

UNSAFE = "expected bubblewrap (bwrap) to isolate students' code, and it does not work here: install it (Debian: apt \
install bubblewrap); where there is none (macOS, Windows), grade on a Linux machine, in WSL or in a container"


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m course_lib grade", description=__doc__)
    options.formatter_class = argparse.RawDescriptionHelpFormatter
    options.add_argument("submissions", type=Path)
    options.add_argument("--out", type=Path, default=Path("grades"))
    options.add_argument("--sets", nargs="*", help="problem sets to grade, such as ps1 (default: those handed in)")
    options.add_argument("--seed", type=int, help="of the hidden inputs (default: drawn once, kept in OUT/seed)")
    options.add_argument("--seconds", type=float, default=Limits.seconds, help="for each exercise")
    options.add_argument("--megabytes", type=float, default=Limits.megabytes, help="for each exercise")
    options.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="submissions at a time")
    options.add_argument("--regrade", nargs="*", help="exercises or students to grade again (with no name: all)")
    return options


def grade(arguments: Sequence[str]) -> None:
    options = parser()
    chosen = options.parse_args(arguments)
    if not chosen.submissions.is_dir():
        options.error(f"expected a folder of submissions, got {chosen.submissions}")
    if not sandbox.available():
        options.error(UNSAFE)
    try:
        print(graded(chosen))
    except (ValueError, RuntimeError) as error:
        options.error(str(error))


def graded(chosen: argparse.Namespace) -> str:
    """Grade, and say where what came of it is; ValueError and RuntimeError in a sentence."""
    found = list(submissions(chosen.submissions))
    students = [one.student for one in found]
    checked(rows_of(chosen.out / "hand.csv")[1], students)  # before an hour of grading
    sets = chosen.sets or sorted({name.split(".")[0] for one in found for name in one.sources})
    names = [name for name in exercises() if name.split(".")[0] in sets]
    if not names:
        raise ValueError(f"expected cells of exercises in {chosen.submissions}, found none")
    again = chosen.regrade
    if again is not None and (unknown := set(again) - {*names, *students}):
        raise ValueError(f"expected an exercise or a student to grade again, got {min(unknown)!r}")
    chosen.out.mkdir(parents=True, exist_ok=True)
    limits = Limits(seconds=chosen.seconds, megabytes=chosen.megabytes)
    seed, again = seed_of(chosen.out, chosen.seed), names if again == [] else again or ()
    grader = Grader(names, seed=seed, limits=limits, again=again)
    marked = grade_all(found, chosen.out, grader, workers=chosen.workers)
    write_reports(marked, chosen.out, found=found, texts=texts(chosen.submissions))
    waiting = ", ".join(one.student for one in marked if not one.whole)
    note = f" Not graded, run the same command again: {waiting}." if waiting else ""
    return f"{len(marked)} submissions graded: {chosen.out / 'grades.csv'}, {chosen.out / 'summary.html'}.{note}"


def seed_of(out: Path, wanted: int | None) -> int:
    """The seed of the hidden inputs of this class: drawn once, so that a second run gives the same marks."""
    path = out / "seed"
    if wanted is None and path.exists():
        return int(path.read_text())
    seed = secrets.randbits(62) if wanted is None else wanted
    write(path, f"{seed}\n".encode())
    return seed
