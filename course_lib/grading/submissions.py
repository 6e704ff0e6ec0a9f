"""What students handed in: for each a folder or a file, with cells that carry exercises' ids or define their functions.

Nothing in here is trusted: links, pipes and devices are not opened, sizes are bounded, and what cannot be read becomes
a sentence in its student's row.
"""

import errno
import hashlib
import io
import json
import os
import re
import stat
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from course_lib.checks.report import exercises
from course_lib.one_line import OneLine

LARGEST = 64 * 2**20  # bytes of a notebook, and of all in an archive
MOST = 200  # folders, files, and files in an archive, of one student
LONGEST = 2**18  # characters of a cell
LITTER = re.compile(r"\..*|__MACOSX|__pycache__|grades", re.DOTALL)
NOTEBOOK = re.compile(r"(.+)\.(?:ipynb|py|zip)(?:\.\w+)?", re.IGNORECASE | re.DOTALL)
CUTS = re.compile(r"^# (?:%%|In ?\[).*$", re.MULTILINE)  # between the cells of a script
Cells = list[tuple[str, str]]
"""(exercise, source) of each code cell; "" where it carries no exercise's id."""


@dataclass(frozen=True, repr=False)
class Submission(OneLine):
    """One student's cells: those to run for each exercise, in order, and what there is to say of the files."""

    student: str
    sources: dict[str, list[str]]
    problems: tuple[str, ...]
    sha256: str


def submissions(folder: Path) -> Iterator[Submission]:
    """Every student below a folder, by the whole name of a folder or notebook in it. ValueError for none."""
    places: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        named = NOTEBOOK.fullmatch(path.name)
        if not litter(path) and (named or path.is_dir()):
            places[path.name if path.is_dir() or not named else named[1]].append(path)
    if not places:
        raise ValueError(f"expected a folder for each student in {folder}, found none")
    for student, parts in places.items():
        yield submission(legible(student), parts)


def litter(path: Path) -> bool:
    """What systems and this grader leave in folders."""
    return bool(LITTER.fullmatch(path.name)) or ((path / "grades.csv").is_file() and (path / "results").is_dir())


def legible(text: str) -> str:
    """A text that can be written: bytes and halves of characters that are no UTF-8 become \\udc.. ."""
    return text.encode(errors="backslashreplace").decode()


def file_of(student: str) -> str:
    """The name of a student's files, shortened where an ending would not fit."""
    name = student.encode()
    return student if len(name) <= 200 else f"{student[:40]}-{hashlib.sha256(name).hexdigest()[:12]}"


def submission(student: str, places: Sequence[Path]) -> Submission:
    """What one student handed in; whatever is wrong with it is said in `problems`."""
    files = [file for place in places for file in files_below(place)]
    read: list[tuple[tuple[int, int, int], str, Cells]] = []
    problems, hashed = [], hashlib.sha256()
    for file in [file for file in files if NOTEBOOK.fullmatch(file.name) or file in places][:MOST]:
        try:
            for when, name, content in contents(file):
                hashed.update(content)
                read.append((when, name, cells_in(name, content)))
        except Exception as error:  # nobody's files end the grading of others
            problems.append(f"{file.name} cannot be read as a notebook: {reason(error)}")
    sources, said = chosen([(name, cells) for _, name, cells in sorted(read, reverse=True)])
    if not sources and not problems:
        names = ", ".join(file.name for file in files[:5]) or "nothing"
        problems.append(f"expected a notebook with cells of exercises, found {names}")
    return Submission(student, sources, tuple(map(legible, [*problems, *said])), hashed.hexdigest())


def reason(error: Exception) -> str:
    link = isinstance(error, OSError) and error.errno == errno.ELOOP
    return "it is a link" if link else (str(error) or type(error).__name__)[:120]


def files_below(place: Path) -> list[Path]:
    """The files of a student, without litter; a link is not followed, but named."""
    if place.is_symlink() or not place.is_dir():
        return [place]
    found = []
    for root, folders, names in islice(os.walk(place), MOST):
        folders[:] = sorted(name for name in folders if not LITTER.fullmatch(name))
        found += [Path(root, name) for name in sorted(names) if not LITTER.fullmatch(name)]
    return found


def contents(file: Path) -> Iterator[tuple[tuple[int, int, int], str, bytes]]:
    """(when, name, bytes) of a file, or of each notebook in an archive; errors for all but regular files of some size.

    Copies of one second are told apart by their numbers, as in "ps1 (1).ipynb".
    """
    with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
        state = os.fstat(stream.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise ValueError("it is no regular file")
        parts = [(file.name, bounded(stream, LARGEST))]
    if parts[0][1].startswith(b"PK\3\4"):
        left, archive = LARGEST, zipfile.ZipFile(io.BytesIO(parts.pop()[1]))
        for name in archive.namelist()[:MOST]:
            if NOTEBOOK.fullmatch(name) and not any(map(LITTER.fullmatch, name.split("/"))):
                parts.append((name, bounded(archive.open(name), left)))
                left -= len(parts[-1][1])
    for name, content in parts:
        number = re.search(r"\((\d{1,9})\)", name)
        yield (int(state.st_mtime), int(number[1]) if number else 0, state.st_mtime_ns), name, content


def bounded(stream: Any, most: int) -> bytes:
    content: bytes = stream.read(most + 1)
    if len(content) > most:
        raise ValueError(f"it is larger than {LARGEST // 2**20} MB")
    return content


def cells_in(name: str, content: bytes) -> Cells:
    if name.lower().endswith(".py") and not content.lstrip().startswith(b"{"):
        return [("", source) for source in CUTS.split(content.decode("utf-8-sig"))]
    return list(cells(json.loads(content)))


def cells(notebook: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(exercise, source) of every code cell."""
    for cell in notebook["cells"]:
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = "".join(cell.get("source") or "")
            if len(source) > LONGEST:
                raise ValueError(f"a cell has more than {LONGEST} characters")
            yield exercise_of(cell), source


def exercise_of(cell: dict[str, Any], prefix: str = "") -> str:
    """The exercise that a cell's nbgrader id names after a prefix ("ps1-pgd" for ps1.pgd); "" where it names none."""
    try:
        identity = str(cell["metadata"]["nbgrader"]["grade_id"])
    except (KeyError, TypeError, IndexError):
        return ""
    named = identity.startswith(f"{prefix}ps")
    return identity.removeprefix(prefix).replace("-", ".", 1) if named else ""


def chosen(files: Sequence[tuple[str, Cells]]) -> tuple[dict[str, list[str]], list[str]]:
    """The cells to run for each exercise, from files with the newest first, and what was chosen among several.

    The newest file that has more than the template counts.
    """
    sources, said = {}, []
    for exercise in exercises():
        found = [(name, own) for name, cells in files if (own := answer(cells, exercise))]
        if not found:
            continue
        name, own = next((one for one in found if not all(map(stub, one[1]))), found[0])
        sources[exercise] = own
        if any(other != own for _, other in found):
            said.append(f"{exercise}: of {len(found)} files, {name} counts, the newest that is not the template")
        if len(own) > 1:
            said.append(f"{exercise}: {len(own)} cells, run in their order")
    return sources, said


def answer(cells: Cells, exercise: str) -> list[str]:
    """The cells of a notebook that answer an exercise: those with its id, else those that define its function.

    A cell that is still as in the template counts only where there is no other.
    """
    which, _, function = exercise.partition(".")
    defines = re.compile(rf"^(?:def {function}\b|{function}[ \t]*=)", re.MULTILINE).search
    own = [source for name, source in cells if name == exercise]
    sets = {name.partition(".")[0] for name, _ in cells if name}
    if (not sets or which in sets) and not any(defines(source) and not stub(source) for source in own):
        own += [source for name, source in cells if name != exercise and defines(source)]
    own = [source for number, source in enumerate(own) if source not in own[:number]]
    return [source for source in own if not stub(source)] or own


def stub(source: str) -> bool:
    """Whether a cell is still as in the template: it raises NotImplementedError, and returns nothing."""
    ends, returns = (re.search(rf"^[ \t]+{word}\b", source, re.MULTILINE) for word in ("raise NotImpl\\w+", "return"))
    return bool(ends and not returns)
