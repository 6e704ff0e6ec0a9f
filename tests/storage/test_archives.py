"""Archives: the published one is unpacked whole, any other is refused, and nothing changes where that fails."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from course_lib.storage.archives import unpacked
from tests.tools.storage import full_disk, tarred, zipped

FILES = {"inside/a.png": np.random.default_rng(0).bytes(9_000), "b.png": b""}
NOWHERE = "http://127.0.0.1:9"  # the file is there already, put there by hand
Pack = Callable[[Mapping[str, bytes]], bytes]


def archive(root: Path, name: str, data: bytes) -> tuple[Path, str, str]:
    """What `unpacked` takes, for an archive that is there."""
    (root / "source").mkdir(parents=True, exist_ok=True)
    (root / "source" / name).write_bytes(data)
    return root, f"{NOWHERE}/{name}", hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(("name", "pack"), [("file.zip", zipped), ("file.tgz", tarred), ("file.tar.gz", tarred)])
def test_an_archive_is_there_for_a_block_and_replaces_what_a_killed_run_left(
    name: str, pack: Pack, tmp_path: Path
) -> None:
    (tmp_path / "source" / "unpacked").mkdir(parents=True)
    (tmp_path / "source" / "unpacked" / "half.png").touch()
    with unpacked(*archive(tmp_path, name, pack(FILES))) as folder:
        there = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.png")}
    assert there == FILES
    assert list(tmp_path.iterdir()) == []


def test_another_archive_is_not_opened(tmp_path: Path) -> None:
    root, url, sha256 = archive(tmp_path, "file.zip", zipped(FILES))
    (tmp_path / "source" / "file.zip").write_bytes(zipped({"../escaped.png": b"1"}))
    with pytest.raises(ValueError, match=rf"^expected a file at .* with SHA-256 {sha256}"), unpacked(root, url, sha256):
        pytest.fail("it was unpacked")
    assert [path.name for path in (tmp_path / "source").iterdir()] == ["file.zip"]


@pytest.mark.parametrize(("name", "pack"), [("file.zip", zipped), ("file.tgz", tarred)])
def test_a_full_disk_leaves_the_archive_alone(name: str, pack: Pack, tmp_path: Path) -> None:
    known = archive(tmp_path, name, pack(FILES))
    with pytest.raises(OSError, match="File too large"), full_disk(), unpacked(*known):
        pytest.fail("it was unpacked")
    assert [path.name for path in (tmp_path / "source").iterdir()] == [name]
