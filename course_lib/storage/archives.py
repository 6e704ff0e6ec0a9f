"""Archives from the internet: known by their SHA-256, and unpacked whole or not at all."""

import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from course_lib.storage.fetching import fetch
from course_lib.storage.files import replaced


@contextmanager
def unpacked(root: Path, url: str, sha256: str) -> Iterator[Path]:
    """What the zip or tar.gz file at `url` holds, in a folder; it stays in `root`/source until the block succeeds."""
    source = root / "source"
    archive = fetch(url, source / Path(url).name, sha256=sha256)
    safe: dict[str, Any] = {"filter": "data"} if archive.suffix != ".zip" and hasattr(tarfile, "data_filter") else {}
    with replaced(source / "unpacked") as new:
        shutil.unpack_archive(archive, new, **safe)
    yield source / "unpacked"
    shutil.rmtree(source)


def put(source: Path, target: Path) -> None:
    """Move a folder in one step, over what an earlier fetch may have brought."""
    with replaced(target) as new:
        source.rename(new)
