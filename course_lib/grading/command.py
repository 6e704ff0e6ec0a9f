"""python -m course_lib grade SUBMISSIONS/ --out grades/

SUBMISSIONS has a folder for each student, with notebooks whose cells carry the ids of exercises. Comes out: grades.csv,
feedback/STUDENT.html, summary.html, reflections.html to give points by hand, and hand.csv, where they are kept. Run
again, it grades only what has changed. Machines that share a class: --seed NUMBER --shard 1/4, and so on. Then put what
is in their OUT/results into one OUT, and run it once more without --shard: that writes the tables.
"""

import argparse
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from course_lib.checks.report import exercises
from course_lib.grading import sandbox
from course_lib.grading.cells import legible
from course_lib.grading.grade import Grader, grade_all
from course_lib.grading.hand import checked, rows_of
from course_lib.grading.reports import points_by_set, write_reports
from course_lib.grading.sandbox import Limits
from course_lib.grading.sheets import Points, filled
from course_lib.grading.submissions import Submission, submissions
from course_lib.storage.files import write

UNSAFE = "expected bubblewrap (bwrap, 0.8 or newer) to isolate students' code, and it does not work here: \
install it (Debian: apt install bubblewrap); where there is none (macOS, Windows), grade on a Linux machine, in WSL or \
in a container"


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m course_lib grade", description=__doc__)
    options.formatter_class = argparse.RawDescriptionHelpFormatter
    options.add_argument("submissions", type=Path)
    options.add_argument("--out", type=Path, default=Path("grades"))
    options.add_argument("--sets", nargs="*", help="problem sets to grade, such as ps1 (default: those handed in)")
    options.add_argument("--seed", type=int, help="of the hidden inputs (default: drawn once, kept in OUT/seed)")
    options.add_argument("--seconds", type=float, default=Limits.seconds, help="for each exercise")
    options.add_argument("--megabytes", type=float, default=Limits.megabytes, help="for each exercise")
    options.add_argument(
        "--dry-run", action="store_true", help="say what would be graded, from which files; run nothing"
    )
    options.add_argument(
        "--shard", type=shard, metavar="3/8", help="grade the third of eight parts, and write no tables"
    )
    options.add_argument("--sheet", type=Path, help="Canvas's gradebook or Moodle's worksheet: fill in a copy, in OUT")
    options.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="submissions at a time")
    options.add_argument("--regrade", nargs="*", help="exercises or students to grade again (with no name: all)")
    return options


def grade(arguments: Sequence[str]) -> None:
    options = parser()
    chosen = options.parse_args(arguments)
    if not chosen.submissions.is_dir():
        options.error(f"expected a folder of submissions, got {chosen.submissions}")
    if not chosen.dry_run and not sandbox.available():
        options.error(UNSAFE)
    try:
        print(graded(chosen))
    except (ValueError, RuntimeError) as error:
        options.error(str(error))


def graded(chosen: argparse.Namespace) -> str:
    """Grade, and say where what came of it is; ValueError and RuntimeError in a sentence."""
    everybody = list(submissions(chosen.submissions))
    first, step = chosen.shard or (1, 1)
    found = everybody[first - 1 :: step]
    checked(rows_of(chosen.out / "hand.csv")[1], [one.student for one in everybody])  # before an hour of grading
    grader = grader_of(chosen, everybody)
    if chosen.dry_run:
        return "\n".join(forecast(found, grader.planned(found, chosen.out), [*grader.hidden]))
    marked = grade_all(found, chosen.out, grader, workers=chosen.workers)
    if chosen.shard:
        return f"{len(marked)} submissions graded: {chosen.out / 'results'}. The tables come without --shard."
    texts = {(one.student, item): text for one in found for item, text in one.texts.items()}
    hand = write_reports(marked, chosen.out, found=found, texts=texts)
    note = fill(chosen.sheet, chosen.out, points_by_set(marked, hand)) if chosen.sheet else ""
    waiting = ", ".join(one.student for one in marked if not one.whole)
    note += f" Not graded, run the same command again: {waiting}." if waiting else ""
    return f"{len(marked)} submissions graded: {chosen.out / 'grades.csv'}, {chosen.out / 'summary.html'}.{note}"


def grader_of(chosen: argparse.Namespace, found: Sequence[Submission]) -> Grader:
    sets = chosen.sets or sorted({name.split(".")[0] for one in found for name in one.sources})
    names = [name for name in exercises() if name.split(".")[0] in sets]
    if not names:
        raise ValueError(f"expected cells of exercises in {chosen.submissions}, found none")
    again = names if chosen.regrade == [] else chosen.regrade or ()
    if unknown := set(again) - {*names, *(one.student for one in found)}:
        raise ValueError(f"expected an exercise or a student to grade again, got {min(unknown)!r}")
    if chosen.shard and chosen.seed is None and not (chosen.out / "seed").exists():
        raise ValueError("expected --seed NUMBER with --shard: all parts need the same hidden inputs")
    limits = Limits(seconds=chosen.seconds, megabytes=chosen.megabytes)
    return Grader(names, seed=seed_of(chosen.out, chosen.seed, keep=not chosen.dry_run), limits=limits, again=again)


def forecast(found: Sequence[Submission], plan: Mapping[str, Sequence[str]], names: Sequence[str]) -> Iterator[str]:
    """What would be graded, from which files, and what is missing."""
    yield f"{len(found)} submissions, {sum(map(len, plan.values()))} exercises to run. Nothing was run."
    for one in found:
        missing = [name for name in names if name not in one.sources]
        parts = {"to run": plan[one.student], "missing": missing, "files": one.files}
        said = "; ".join(f"{words}: {', '.join(some) or 'none'}" for words, some in parts.items())
        yield legible(f"{one.student}: {said}{''.join(f'; {problem}' for problem in one.problems)}")


def fill(sheet: Path, out: Path, points: Points) -> str:
    """Write a copy of a sheet with points; says where it is, and what belongs to no row."""
    content, notes = filled(sheet.read_bytes(), points)
    write(out / f"upload-{sheet.name}", content)
    return f" To upload: {out / f'upload-{sheet.name}'}." + "".join(f" Not filled in, {note}." for note in notes)


def shard(words: str) -> tuple[int, int]:
    part, _, parts = words.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise argparse.ArgumentTypeError(f"expected a part such as 3/8, got {words!r}")
    return int(part), int(parts)


def seed_of(out: Path, wanted: int | None, *, keep: bool = True) -> int:
    """The seed of the hidden inputs of this class: drawn once, so that a second run gives the same marks."""
    path = out / "seed"
    if wanted is None and path.exists():
        return int(path.read_text())
    seed = secrets.randbits(62) if wanted is None else wanted
    if keep:
        write(path, f"{seed}\n".encode())
    return seed
