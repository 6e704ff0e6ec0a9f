"""Points given by hand, in hand.csv: as spreadsheets save it, and so that they take no cell for a formula."""

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from course_lib.checks.report import BY_HAND, SETS
from course_lib.grading.cells import legible
from course_lib.storage.files import write

HAND = ("student", "item", "points", "comment")
MOST = {"reflection": 5.0, "project": 10.0}  # points
ITEMS = {f"{name}.{item}": MOST[item] for name in SETS for item in BY_HAND.get(name, ("reflection",))}
ENCODINGS = ("utf-8-sig", "cp1252", "latin-1")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")  # what a cell of one begins with, and the mark that makes it harmless
Row = dict[str, str]
Hand = Mapping[str, Sequence[Row]]
"""Rows that count, by student."""


def by_hand(students: Sequence[str], sets: Sequence[str], path: Path) -> Hand:
    """What is in the file stays; a row for each item that has none yet is added, blank. ValueError for a wrong row."""
    names, rows, comma = rows_of(path)
    checked(rows, students)
    items = [item for item in ITEMS if item.partition(".")[0] in sets]
    known = {(row["student"], row["item"]) for row in rows}
    wanted = [(student, item) for student in students for item in items]
    rows += [{"student": student, "item": item} for student, item in wanted if (student, item) not in known]
    text = csv_text(names, ([row.get(name, "") for name in names] for row in rows), comma)
    write(path, legible(text).encode())
    counted = [dict.fromkeys(HAND, "") | row for row in rows if row["item"] in items]
    return {student: [row for row in counted if row["student"] == student] for student in students}


def rows_of(path: Path) -> tuple[list[str], list[Row], str]:
    """(columns, rows, what separates cells) of a file, whichever spreadsheet saved it; added columns stay."""
    text = decoded(path.read_bytes()) if path.exists() else ""
    text = text.partition("\n")[2] if text.lower().startswith("sep=") else text
    first = text.partition("\n")[0]
    comma = max(",;\t", key=first.count)
    try:
        cells = [[harmed(cell) for cell in row] for row in csv.reader(io.StringIO(text, newline=""), delimiter=comma)]
    except csv.Error as error:
        raise ValueError(f"expected a table in {path.name}, got one that cannot be read: {error}") from error
    if not cells:
        return list(HAND), [], comma
    names = [cell.strip().lower() if cell.strip().lower() in HAND else cell for cell in cells[0]]
    if missing := [name for name in HAND if name not in names]:
        raise ValueError(f"expected a column {missing[0]} in {path.name}, got {', '.join(names)[:200]}")
    rows = []
    for row in filter(any, cells[1:]):
        last = comma.join(row[len(names) - 1 :])  # a comment with commas and without quotes
        rows.append(dict.fromkeys(HAND, "") | dict(zip(names, [*row[: len(names) - 1], last], strict=False)))
    return names, [row | {name: row[name].strip() for name in ("item", "points")} for row in rows], comma


def decoded(data: bytes) -> str:
    for encoding in ENCODINGS:
        with suppress(ValueError):
            return data.decode(encoding)
    raise AssertionError  # latin-1 has every byte


def harmed(cell: str) -> str:
    """A cell as it was before `harmless`, and before a spreadsheet took UTF-8 for Windows' letters."""
    with suppress(ValueError):
        cell = cell.encode("cp1252").decode()
    return cell[1:] if cell[:1] == "'" and cell[1:2] in FORMULA else cell


def checked(rows: Sequence[Row], students: Sequence[str]) -> None:
    """ValueError, in a sentence with the row's names, for points that belong to nobody, or are too few or too many."""
    filled = [row for row in rows if row["points"]]
    for row in filled:
        for name, known in (("student", students), ("item", ITEMS)):
            if row[name] not in known:
                raise ValueError(f"expected {name}s of this class in hand.csv, got {row[name]!r}, with points")
    given(filled)
    for (student, item), count in Counter((row["student"], row["item"]) for row in filled).items():
        if count > 1:
            raise ValueError(f"expected one row with points in hand.csv for {item} of {student}, got {count}")


def given(rows: Sequence[Mapping[str, str]]) -> float:
    """The sum of points given by hand; ValueError where one is no number, or not from 0 to what the item is worth."""
    total = 0.0
    for row in rows:
        most = ITEMS.get(row.get("item", ""), math.inf)
        points = math.nan
        with suppress(ValueError):
            points = float((row["points"] or "0").replace(",", "."))
        if not 0 <= points <= most:
            wanted = f"a number of points from 0 to {most:g} in hand.csv for {row['item']} of {row['student']}"
            raise ValueError(f"expected {wanted}, got {row['points']!r}")
        total += points
    return total


def csv_text(head: Sequence[str], rows: Iterable[Sequence[str]], comma: str = ",") -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=comma, lineterminator="\r\n")  # a cell with either is quoted
    writer.writerows([harmless(cell) for cell in row] for row in (head, *rows))
    return stream.getvalue()


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell
