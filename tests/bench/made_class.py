"""A made class: students with right answers and typical mistakes, and a text for each problem set."""

import csv
import os
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat

from course_lib.checks.report import SETS, exercises
from course_lib.grading.command import grade
from tests.checks.students import STUDENTS
from tests.tools.classroom import cells, notebook

RIGHT, UNTOUCHED = 0.7, 0.05  # shares of the answers


def made_class(folder: Path, *, students: int, sets: tuple[str, ...] = SETS[:6], random_seed: int = 0) -> None:
    """Write a folder for each student, with the released notebooks and this student's answers in them."""
    dice = random.Random(random_seed)
    right = {
        name: {key: source for key, source in cells(name).items() if f"{name}.{key}" in exercises()} for name in sets
    }
    for number in range(students):
        place = folder / f"student-{number:05}"
        place.mkdir(parents=True)
        for name in sets:
            made = notebook(name, "release")
            for cell in made.cells:
                key = cell.metadata.get("nbgrader", {}).get("grade_id", "").removeprefix(f"{name}-")
                if key in right[name]:
                    cell.source = answer(f"{name}.{key}", right[name][key], cell.source, dice)
                elif key == "reflection":
                    cell.source = f"Student {number} writes about {name}."
            nbformat.write(made, place / f"{name}.ipynb")


def answer(exercise: str, right: str, untouched: str, dice: random.Random) -> str:
    """A right answer, one with a typical mistake, or the template."""
    drawn = dice.random()
    if drawn >= RIGHT:
        if drawn >= 1 - UNTOUCHED or not STUDENTS.get(exercise):
            return untouched
        for old, new in dice.choice(STUDENTS[exercise]):
            right = right.replace(old, new)
    return right


def graded(*, students: int = 100, sets: tuple[str, ...] = SETS[:6]) -> dict[str, Any]:
    """The seconds to grade a made class, and to run the same command again when nothing is new."""
    with tempfile.TemporaryDirectory() as folder:
        home, seconds = Path(folder), []
        made_class(home / "in", students=students, sets=sets)
        for _ in range(2):
            begin = time.perf_counter()
            grade([str(home / "in"), "--out", str(home / "out"), "--seed", "1"])
            seconds.append(round(time.perf_counter() - begin, 1))
        with (home / "out" / "grades.csv").open() as file:
            full = sum(one.points for name, one in exercises().items() if name.partition(".")[0] in sets)
            share = statistics.mean(float(row["total"]) for row in csv.DictReader(file)) / full
    return {
        "setting": f"{students} students, {len(sets)} problem sets, {os.cpu_count()} cores",
        "seconds": seconds[0],
        "seconds with nothing new": seconds[1],
        "share of the points": round(share, 2),
    }
