"""Archives from anywhere: unpacked whole, or refused in one sentence with nothing changed."""

import gzip
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from course_lib.storage.archives import GROWTH, PADDING, unpack
from tests.tools.storage import full_disk, tarred, zipped

NOISE = np.random.default_rng(0).bytes(9_000)
ZEROS = {"zeros.png": bytes(5_000_000)}
BOMB = zipped(ZEROS, method=zipfile.ZIP_DEFLATED)
SPARSE = {
    "GNU.sparse.major": "1",
    "GNU.sparse.minor": "0",
    "GNU.sparse.realsize": "9000000",
    "GNU.sparse.name": "a.png",
}


def damaged(data: bytes, *places: int) -> bytes:
    return bytes(byte ^ 255 * (place in places) for place, byte in enumerate(data))


def damaged_head() -> bytes:
    """The second file has a head that makes no sense, which looks like the end of the archive."""
    plain = gzip.decompress(tarred({"a.png": b"1", "b.png": b"2"}))
    packed = gzip.compress(damaged(plain, *range(1024, 1536)))
    return packed[:-8] + gzip.compress(plain)[-8:]  # the checksum of what it was


HOSTILE_ZIPS = {
    "leads out of its folder": zipped({"fine.png": b"1", "../escaped.png": b"2"}),
    "'/escaped.png' leads": zipped({"/escaped.png": b"2"}),
    "'C:escaped.png' leads": zipped({"C:escaped.png": b"2"}),
    r"'a.*\.\.escaped.png|'a.*escaped.png' leads": zipped({"a\\..\\..\\escaped.png": b"2"}),
    "is a link": zipped({"escape": b"/tmp", "escape/escaped.png": b"2"}, links=("escape",)),
    "would unpack to 5,000,000 bytes, and at most": BOMB,
    "CRC": damaged(zipped({"a.png": NOISE}), 60),
    "CRC |Bad|invalid|incomplete": BOMB.replace((5_000_000).to_bytes(4, "little"), (2_000).to_bytes(4, "little")),
    "File is not a zip file": b"<html>404</html>",
    "not a zip file": zipped({"a.png": NOISE})[:-30],
}
HOSTILE_TARS = {
    "leads out of its folder": tarred({"fine.png": b"1", "../escaped.png": b"2"}),
    "'/escaped.png' leads": tarred({"/escaped.png": b"2"}),
    "'C:escaped.png' leads": tarred({"C:escaped.png": b"2"}),
    "'escape' is a link": tarred({"escape": b"/tmp", "escape/escaped.png": b"2"}, kinds={"escape": tarfile.SYMTYPE}),
    "'twin.png' is a link": tarred({"a.png": b"1", "twin.png": b"a.png"}, kinds={"twin.png": tarfile.LNKTYPE}),
    "'null' is a link or a device": tarred({"null": b""}, kinds={"null": tarfile.CHRTYPE}),
    "'pipe' is a link or a device": tarred({"pipe": b""}, kinds={"pipe": tarfile.FIFOTYPE}),
    "'a.png' is a link or a device": tarred({"a.png": b"1\n0\n9000000\n".ljust(512, b"\0")}, headers=SPARSE),
    "would unpack to more than the 1,0.* bytes": tarred(ZEROS),
    "would unpack to more than the": tarred({"a.png": b"1"}, headers={"comment": "a" * 5_000_000}),
    "CRC|Error -3|invalid": damaged(tarred({"a.png": NOISE}), 5_000),
    "CRC check failed": damaged_head(),
    "ended before the end": tarred({"a.png": NOISE})[:-30],
    "Not a gzipped file": b"<html>404</html>",
    "invalid header|truncated header": gzip.compress(b"<html>404</html>"),
}
HOSTILE = [
    pytest.param(kind, why, data, id=f"{kind}: {why}")
    for kind, archives in (("zip", HOSTILE_ZIPS), ("tar.gz", HOSTILE_TARS))
    for why, data in archives.items()
]


@pytest.mark.parametrize(("kind", "why", "data"), HOSTILE)
def test_a_hostile_archive_is_refused_and_nothing_changes(kind: str, why: str, data: bytes, tmp_path: Path) -> None:
    file, folder = tmp_path / f"file.{kind}", tmp_path / "inner" / "folder"
    file.write_bytes(data)
    folder.mkdir(parents=True)
    (folder / "before.txt").touch()
    refused = pytest.raises(ValueError, match=rf"^expected a sound {kind} file at .*(?:{why})")
    with refused as told, full_disk(GROWTH * len(data) + PADDING):
        unpack(file, folder)
    assert "\n" not in str(told.value)
    assert [path.name for path in (tmp_path / "inner").iterdir()] == ["folder"]
    assert [path.name for path in folder.iterdir()] == ["before.txt"]
    assert not list(tmp_path.rglob("escaped*"))


@pytest.mark.parametrize(("name", "pack"), [("file.zip", zipped), ("file.tgz", tarred), ("file.tar.gz", tarred)])
def test_a_sound_archive_replaces_what_was_there(name: str, pack, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file, folder = tmp_path / name, tmp_path / "folder"
    file.write_bytes(pack({"inside/a.png": NOISE, "b.png": b""}))
    folder.mkdir()
    (folder / "left.txt").touch()
    unpack(file, folder)
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")) == [
        *("b.png", "inside", "inside/a.png")
    ]
    assert (folder / "inside" / "a.png").read_bytes() == NOISE
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "folder"])


def test_no_archive_and_a_full_disk_are_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        unpack(tmp_path / "file.zip", tmp_path / "folder")
    (tmp_path / "file.zip").write_bytes(zipped({"a.png": NOISE}))
    with pytest.raises(OSError, match="File too large"), full_disk():
        unpack(tmp_path / "file.zip", tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["file.zip"]
