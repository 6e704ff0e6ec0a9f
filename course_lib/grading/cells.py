"""The cells of notebooks and scripts that answer an exercise, by the id that they carry or the function they define."""

import json
import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from course_lib.checks.alone import defines
from course_lib.checks.report import exercises

LONGEST = 2**18  # characters of a cell
CUTS = re.compile(r"^# (?:%%|In ?\[).*$", re.MULTILINE)  # between the cells of a script
Cells = list[tuple[str, str]]
"""(exercise, source) of each code cell; "" where it carries no exercise's id."""


def notebook_of(name: str, content: bytes) -> Any:
    """What a file holds: a notebook, or a script as one."""
    if name.lower().endswith(".py") and not content.lstrip().startswith(b"{"):
        sources = CUTS.split(content.decode("utf-8-sig"))
        return {"cells": [{"cell_type": "code", "source": source} for source in sources]}
    return json.loads(content)


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
    """The cells to run for each exercise, of the newest file that has more than the template, and what to say of it."""
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
    """The cells with an exercise's id, else those that define its function; one as in the template counts last."""
    which, _, function = exercise.partition(".")
    has = partial(defines, function)
    own = [source for name, source in cells if name == exercise]
    sets = {name.partition(".")[0] for name, _ in cells if name}
    if (not sets or which in sets) and not any(has(source) and not stub(source) for source in own):
        own += [source for name, source in cells if name != exercise and has(source)]
    own = [source for number, source in enumerate(own) if source not in own[:number]]
    return [source for source in own if not stub(source)] or own


def stub(source: str) -> bool:
    """Whether a cell is still as in the template: it raises NotImplementedError, and returns nothing."""
    ends, returns = (re.search(rf"^[ \t]+{word}\b", source, re.MULTILINE) for word in ("raise NotImpl\\w+", "return"))
    return bool(ends and not returns)


def legible(text: str) -> str:
    """A text that can be written: bytes and halves of characters that are no UTF-8 become \\udc.. ."""
    return text.encode(errors="backslashreplace").decode()
