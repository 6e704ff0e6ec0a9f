"""Reflections and projects: what students wrote, in one page where people give points by keyboard, without a server."""

import base64
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from course_lib.checks.report import SETS
from course_lib.grading.cells import exercise_of, legible
from course_lib.grading.hand import ITEMS, Row
from course_lib.storage.files import PACKAGE

TEMPLATE = Path(__file__).parent / "reflections.html"
COURSE = PACKAGE.parent / "notebooks" / "exercises"
LONGEST = 20_000  # characters of a text
BLANK = "*Your answer.*"  # what students get
Texts = Mapping[tuple[str, str], str]
"""What was written, by student and item ("ps1.reflection")."""


@cache
def asked() -> frozenset[str]:
    """Every cell of the course's masters."""
    return frozenset(source for name in SETS for _, source in master(name))


def written(notebook: Mapping[str, Any]) -> dict[str, str]:
    """The text of each item: its cells, and those after them that are not the course's."""
    parts: dict[str, list[str]] = defaultdict(list)
    item = ""
    for cell in notebook["cells"]:
        source, name = "".join(cell.get("source") or "").strip(), exercise_of(cell)
        item = name if name else "" if source in asked() else item
        if item in ITEMS and source not in ("", BLANK):
            parts[item].append(source)
    return {item: legible("\n\n".join(own)[:LONGEST]) for item, own in parts.items()}


def master(name: str) -> Iterator[tuple[str, str]]:
    """(exercise, source) of each cell of a problem set's master; nothing where the course is only installed."""
    with suppress(FileNotFoundError):
        for cell in json.loads((COURSE / "source" / name / f"{name}.ipynb").read_text())["cells"]:
            yield exercise_of(cell), "".join(cell["source"]).strip()


def questions(name: str) -> dict[str, dict[str, Any]]:
    """What each item of a set asks, what a good answer has ("" where no masters are), and the most points."""
    found: dict[str, dict[str, Any]] = {}
    before = ""
    for item, source in master(name):
        found |= {item: {"question": before, "rubric": source}}
        before = source
    wanted = {item: most for item, most in ITEMS.items() if item.startswith(f"{name}.")}
    return {item: {"question": "", "rubric": "", "most": most} | found.get(item, {}) for item, most in wanted.items()}


def page_of(columns: Sequence[str], rows: Sequence[Row], given: Texts) -> str:
    """The page: all rows of hand.csv, since it saves them all; hand-ins in an order that says nothing of a name."""
    students = sorted({student for student, _ in given}, key=lambda name: hashlib.sha256(name.encode()).digest())
    number = {student: place for place, student in enumerate(students, 1)}
    sets = sorted({row["item"].partition(".")[0] for row in rows} & {*SETS})
    items = {item: one for name in sets for item, one in questions(name).items()}
    places = [place for place, row in enumerate(rows) if row["item"] in items and row["student"] in number]
    places.sort(key=lambda place: (rows[place]["item"], number[rows[place]["student"]]))
    keys = {place: (rows[place]["student"], rows[place]["item"]) for place in places}
    shown = [{"row": place, "number": number[key[0]], "text": given.get(key, "")} for place, key in keys.items()]
    data = {"columns": columns, "rows": rows, "shown": shown, "items": items}
    template = TEMPLATE.read_text()
    policy = "default-src 'none'; base-uri 'none'; form-action 'none'"
    for kind in ("script", "style"):
        (inside,) = re.findall(rf"<{kind}>(.*?)</{kind}>", template, re.DOTALL)
        hashed = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        policy += f"; {kind}-src 'sha256-{hashed}'"
    content = json.dumps(data).replace("<", "\\u003c")  # no text ends the script that holds it
    return template.replace("POLICY", policy, 1).replace("DATA", content, 1)
