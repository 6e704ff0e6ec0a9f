"""Files of results: JSON by name, to which a command adds what it has measured."""

import json
from collections.abc import Mapping
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
