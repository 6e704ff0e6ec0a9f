"""What students handed in: a folder for each, with notebooks whose cells carry the ids of exercises."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.one_line import OneLine

LARGEST = 200 * 2**20  # bytes of a notebook


@dataclass(frozen=True, repr=False)
class Submission(OneLine):
    """One student's cells: the sources found for each exercise, and what could not be read."""

    student: str
    sources: dict[str, list[str]]
    problems: tuple[str, ...]
    sha256: str


def submissions(folder: Path) -> Iterator[Submission]:
    """Every student below a folder, by name; a notebook that lies in it is a student's own. ValueError for none."""
    places = sorted(path for path in folder.iterdir() if path.is_dir() or path.suffix == ".ipynb")
    if not places:
        raise ValueError(f"expected a folder for each student in {folder}, found none")
    for place in places:
        files = sorted(place.rglob("*.ipynb")) if place.is_dir() else [place]
        yield submission(place.stem, [file for file in files if ".ipynb_checkpoints" not in file.parts])


def submission(student: str, files: list[Path]) -> Submission:
    sources: dict[str, list[str]] = defaultdict(list)
    problems, hashed = [], hashlib.sha256()
    for file in files:
        try:
            if file.stat().st_size > LARGEST:
                raise ValueError(f"is larger than {LARGEST // 2**20} MB")
            content = file.read_bytes()
            hashed.update(content)
            for name, source in cells(json.loads(content)):
                sources[name].append(source)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            problems.append(f"{file.name} cannot be read as a notebook: {str(error)[:120]}")
    return Submission(student, sources, tuple(problems), hashed.hexdigest())


def cells(notebook: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(exercise, source) of every code cell that carries the id of one, without magics."""
    for cell in notebook["cells"]:
        exercise = exercise_of(cell)
        if cell.get("cell_type") == "code" and exercise:
            lines = "".join(cell["source"]).splitlines()
            yield exercise, "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!")))


def exercise_of(cell: dict[str, Any], prefix: str = "") -> str:
    """The exercise that a cell's nbgrader id names after a prefix ("ps1-pgd" for ps1.pgd); "" where it names none."""
    identity = str(cell.get("metadata", {}).get("nbgrader", {}).get("grade_id", ""))
    named = identity.startswith(f"{prefix}ps")
    return identity.removeprefix(prefix).replace("-", ".", 1) if named else ""
