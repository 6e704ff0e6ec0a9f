"""Points for Canvas and Moodle: the table that they export, with points filled in, and all else byte by byte."""

import re
from collections.abc import Iterator, Mapping, Sequence

KINDS: dict[tuple[str, ...], tuple[str, ...]] = {  # by the first columns: where a student's names stand
    ("Student", "ID"): ("Student", "ID", "SIS User ID", "SIS Login ID"),
    ("Identifier", "Full name"): ("Identifier", "Full name", "Email address", "Username", "ID number"),
}
UNKNOWN = "expected Canvas's gradebook ('Student,ID,...') or Moodle's worksheet ('Identifier,Full name,...'), got {!r}"
Points = Mapping[str, Mapping[str, str]]
"""Points by student and problem set."""
Cell = tuple[int, int, str]
"""(begin, end, what is in it) in the text of a table."""


def filled(data: bytes, points: Points) -> tuple[bytes, list[str]]:
    """The table with points, and what to say of hand-ins that belong to no row or share one. ValueError for others."""
    text = data.decode("utf-8", "surrogateescape")
    mark = len(text) - len(text.removeprefix("\ufeff"))
    head, *rows = [*table(text[mark:], mark)] or [[]]
    names = [cell for _, _, cell in head]
    if (known := KINDS.get(tuple(names[:2]))) is None:
        raise ValueError(UNKNOWN.format(",".join(names)[:80]))
    columns = columns_of(names, sorted({name for one in points.values() for name in one}))
    owners: dict[int, list[str]] = {}
    notes = []
    for student in points:
        own = [place for place, row in enumerate(rows) if student_of(row, names, known) & ids(student)]
        if len(own) == 1:
            owners.setdefault(own[0], []).append(student)
        else:
            notes.append(f"{student}: {len(own)} rows of the sheet")
    notes += [f"{', '.join(some)}: one row of the sheet" for some in owners.values() if len(some) > 1]
    changes = [
        (*rows[place][column][:2], points[some[0]].get(name, ""))
        for place, some in owners.items()
        for name, column in columns.items()
        if len(some) == 1 and len(rows[place]) > column and points[some[0]].get(name)
    ]
    for begin, end, value in sorted(changes, reverse=True):
        text = text[:begin] + value + text[end:]
    return text.encode("utf-8", "surrogateescape"), notes


def table(text: str, shift: int) -> Iterator[list[Cell]]:
    """The rows of a table, with the place of each cell."""
    comma = max(",;\t", key=text.partition("\n")[0].count)
    row: list[Cell] = []
    for found in re.finditer(rf'("(?:[^"]|"")*"|[^{comma}\r\n]*)({comma}|\r\n|\r|\n|$)', text):
        cell = found[1][1:-1].replace('""', '"') if found[1].startswith('"') else found[1]
        row.append((found.start(1) + shift, found.end(1) + shift, cell))
        if found[2] != comma:
            if any(cell for _, _, cell in row):
                yield row
            row = []


def columns_of(names: Sequence[str], sets: Sequence[str]) -> dict[str, int]:
    """Where the points of each problem set go: Moodle's sheets have one, Canvas's columns name theirs."""
    if "Grade" in names:
        if len(sets) != 1:
            raise ValueError(f"expected one problem set for Moodle's worksheet, got {', '.join(sets)}: add --sets ps1")
        return {sets[0]: names.index("Grade")}
    titled = [(set_, re.compile(rf"\b(ps|set) ?{set_[2:]}\b", re.IGNORECASE).search) for set_ in sets]
    found = {set_: [place for place, name in enumerate(names[2:], 2) if named(name)] for set_, named in titled}
    if wrong := [f"{len(places)} columns for {set_}" for set_, places in found.items() if len(places) != 1]:
        raise ValueError(f"expected a column whose title has 'ps1' or 'set 1' for each set, got {', '.join(wrong)}")
    return {set_: places[0] for set_, places in found.items()}


def student_of(row: Sequence[Cell], names: Sequence[str], known: Sequence[str]) -> set[str]:
    cells = {cell.casefold() for name, (_, _, cell) in zip(names, row, strict=False) if name in known}
    return {part for cell in cells for part in (cell, re.sub(r"^\D+ (\d+)$", r"\1", cell))} - {""}


def ids(student: str) -> set[str]:
    """A hand-in's name, and the number that Canvas and Moodle put behind the student's in the names of their files."""
    number = re.search(r"_(\d+)_", student)
    return {student.casefold(), *([number[1]] if number else [])}
