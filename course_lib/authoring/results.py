"""Files of results: JSON by name, to which a command adds what it has measured; and their tables in Markdown."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from course_lib.storage.files import write


def read_results(path: Path) -> dict[str, Any]:
    """A file of results; empty where it is not there."""
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def add_results(path: Path, new: Mapping[str, Any]) -> None:
    """Put results into a file of them, in place of those of the same names."""
    write(path, (json.dumps(read_results(path) | dict(new), indent=1) + "\n").encode())


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, *rows]
    first, *others = ("| " + " | ".join(map(str, line)) + " |" for line in lines)
    return "\n".join([first, "|" + "---|" * len(header), *others])


def interval(values: Sequence[float], form: str = "+.0f", *, factor: float = 100) -> str:
    """[value, low, high] as "+3 [+1, +5]", in percent where `factor` is not another one."""
    value, low, high = (f"{factor * value:{form}}" for value in values)
    return f"{value} [{low}, {high}]"
