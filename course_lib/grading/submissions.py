"""What students handed in: for each a folder or a file, with cells that carry exercises' ids or define their functions.

Nothing in here is trusted: links, pipes and devices are not opened, sizes are bounded, and what cannot be read becomes
a sentence in its student's row.
"""

import hashlib
import io
import os
import re
import stat
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from course_lib.grading.apart import apart
from course_lib.grading.cells import Cells, cells, chosen, legible, notebook_of
from course_lib.grading.reflections import written
from course_lib.one_line import OneLine

LARGEST = 64 * 2**20  # bytes of a notebook, and of all in an archive
MOST = 200  # folders, files, and files in an archive, of one student
LITTER = re.compile(r"\..*|__MACOSX|__pycache__|grades", re.DOTALL)
NOTEBOOK = re.compile(r"(.+)\.(?:ipynb|py|zip)(?:\.\w+)?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, repr=False)
class Submission(OneLine):
    """One student's cells to run for each exercise, in order, what was written by item, what is to be said of files."""

    student: str
    sources: dict[str, list[str]]
    problems: tuple[str, ...]
    sha256: str
    files: Sequence[str] = ()
    texts: Mapping[str, str] = field(default_factory=dict)


def submissions(folder: Path) -> Iterator[Submission]:
    """Every student below a folder, by the whole name of a folder or notebook in it. ValueError for none."""
    found = files_of(folder)
    if not found:
        raise ValueError(f"expected a folder for each student in {folder}, found none")
    yield from (within_limits(student, files) for student, files in found.items())


def within_limits(student: str, files: Sequence[Path]) -> Submission:
    """What one student handed in, read where it can do no harm."""
    try:
        given = apart(lambda: asdict(submission(student, files)))
    except ValueError as error:
        names = [file.name for file in files]
        return Submission(student, {}, (f"what was handed in {error}: {', '.join(names[:5])}",), "", names)
    return Submission(**given | {"problems": tuple(given["problems"])})


def files_of(folder: Path) -> dict[str, list[Path]]:
    """The files of every student, by name."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        named = NOTEBOOK.fullmatch(path.name)
        if not litter(path) and (named or path.is_dir()):
            found[legible(path.name if path.is_dir() or not named else named[1])] += files_below(path)
    return found


def litter(path: Path) -> bool:
    """What systems and this grader leave in folders."""
    return bool(LITTER.fullmatch(path.name)) or ((path / "grades.csv").is_file() and (path / "results").is_dir())


def file_of(student: str) -> str:
    """The name of a student's files, shortened where an ending would not fit."""
    name = student.encode()
    return student if len(name) <= 200 else f"{student[:40]}-{hashlib.sha256(name).hexdigest()[:12]}"


def submission(student: str, files: Sequence[Path]) -> Submission:
    """What one student handed in; whatever is wrong with it is said in `problems`."""
    read: list[tuple[tuple[int, int, int], str, Cells]] = []
    texts: list[tuple[tuple[int, int, int], dict[str, str]]] = []
    names, problems, hashed = [file.name for file in files], [], hashlib.sha256()
    for file in [file for file in files if NOTEBOOK.fullmatch(file.name) or file.is_dir()][:MOST]:  # or a link to one
        try:
            for when, name, content in contents(file):
                hashed.update(content)
                notebook = notebook_of(name, content)
                with suppress(Exception):  # cells of a kind that no program writes
                    texts.append((when, written(notebook)))
                read.append((when, name, list(cells(notebook))))
        except Exception as error:  # nobody's files end the grading of others
            problems.append(f"{file.name} cannot be read as a notebook: {(str(error) or type(error).__name__)[:120]}")
    sources, said = chosen([(name, cells) for _, name, cells in sorted(read, reverse=True)])
    if not sources:
        problems.append(f"expected a notebook with cells of exercises, found {', '.join(names[:5]) or 'nothing'}")
    newest = {item: text for _, own in sorted(texts, key=itemgetter(0)) for item, text in own.items()}
    return Submission(student, sources, tuple(map(legible, [*problems, *said])), hashed.hexdigest(), names, newest)


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
    """(when, name, bytes) of a regular file, or of notebooks in it; of one second, that with a higher (1) is newer."""
    if file.is_symlink():
        raise ValueError("it is a link")
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
