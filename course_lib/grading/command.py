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
from course_lib.grading.grade import Grader, grade_class
from course_lib.grading.reports import write_reports
from course_lib.grading.sandbox import Limits
from course_lib.grading.submissions import submissions
from course_lib.storage.files import write

UNSAFE = "expected bubblewrap (bwrap) to isolate students' code, and it does not work here: install it (Debian: apt \
install bubblewrap), or pass --unisolated to run students' code as yourself"


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
    options.add_argument("--unisolated", action="store_true", help="run students' code as yourself: dangerous")
    return options


def grade(arguments: Sequence[str]) -> None:
    options = parser()
    chosen = options.parse_args(arguments)
    if not chosen.submissions.is_dir():
        options.error(f"expected a folder of submissions, got {chosen.submissions}")
    if not chosen.unisolated and not sandbox.available():
        options.error(UNSAFE)
    chosen.out.mkdir(parents=True, exist_ok=True)
    sets = chosen.sets or sorted(
        {name.split(".")[0] for one in submissions(chosen.submissions) for name in one.sources}
    )
    names = [name for name in exercises() if name.split(".")[0] in sets]
    if not names:
        options.error(f"expected cells of exercises in {chosen.submissions}, found none")
    limits = Limits(seconds=chosen.seconds, megabytes=chosen.megabytes)
    grader = Grader(names, seed=seed_of(chosen.out, chosen.seed), limits=limits, isolate=not chosen.unisolated)
    marked = grade_class(chosen.submissions, chosen.out, grader, workers=chosen.workers)
    write_reports(marked, chosen.out)
    print(f"{len(marked)} submissions graded: {chosen.out / 'grades.csv'}, {chosen.out / 'summary.html'}")


def seed_of(out: Path, wanted: int | None) -> int:
    """The seed of the hidden inputs of this class: drawn once, so that a second run gives the same marks."""
    path = out / "seed"
    if wanted is None and path.exists():
        return int(path.read_text())
    seed = secrets.randbits(62) if wanted is None else wanted
    write(path, f"{seed}\n".encode())
    return seed
