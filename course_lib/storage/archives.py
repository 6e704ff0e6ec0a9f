"""Archives from the internet: unpacked whole or not at all, and never beyond the folder they are unpacked into."""

import gzip
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath
from typing import IO

from course_lib.storage.fetching import fetch
from course_lib.storage.files import replaced

GROWTH = 4  # times its own size: what an archive may unpack to, since photographs are compressed already
PADDING = 1 << 20  # bytes more, since tar pads small files


@contextmanager
def unpacked(root: Path, url: str, sha256: str) -> Iterator[Path]:
    """A folder with what the archive at `url` holds; the archive stays in `root`/source until the block succeeds."""
    source = root / "source"
    unpack(fetch(url, source / Path(url).name, sha256=sha256), source / "unpacked")
    yield source / "unpacked"
    shutil.rmtree(source)


def put(source: Path, target: Path) -> None:
    """Move a folder in one step, over what an earlier fetch may have brought."""
    with replaced(target) as new:
        source.rename(new)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip or a tar.gz file into a folder, which appears in one step and replaces what was there.

    Raises ValueError, in one sentence, where the file is no such archive, is cut short or damaged, holds anything but
    files inside the folder, or would unpack to more than `GROWTH` times its size. The folder is as it was then.
    """
    kind, files_of = ("zip", zipped) if archive.suffix == ".zip" else ("tar.gz", tarred)
    try:
        with replaced(folder) as new:
            new.mkdir()
            for name, file in files_of(archive, GROWTH * archive.stat().st_size + PADDING):
                path = PureWindowsPath(name)  # knows both kinds of slashes, and drives
                if path.drive or path.root or ".." in path.parts:
                    raise ValueError(f"{name!r} leads out of its folder")
                (new / name).parent.mkdir(parents=True, exist_ok=True)
                with (new / name).open("wb") as target:
                    shutil.copyfileobj(file, target)
    except Exception as error:  # half a dozen kinds for a broken archive
        if isinstance(error, OSError) and error.errno is not None:  # no such file, or the disk is full
            raise
        why = str(error) or type(error).__name__
        raise ValueError(f"expected a sound {kind} file at {archive}, got another one: {why}") from error


def zipped(archive: Path, most: int) -> Iterator[tuple[str, IO[bytes]]]:
    """Names and contents; each content ends at its stated size and has a checksum."""
    with zipfile.ZipFile(archive) as opened:
        entries = [entry for entry in opened.infolist() if not entry.is_dir()]
        size = sum(entry.file_size for entry in entries)
        if size > most:
            raise ValueError(f"it would unpack to {size:,} bytes, and at most {most:,} are plausible")
        for entry in entries:
            if stat.S_ISLNK(entry.external_attr >> 16):
                raise ValueError(f"{entry.filename!r} is a link")
            with opened.open(entry) as file:
                yield entry.filename, file


def tarred(archive: Path, most: int) -> Iterator[tuple[str, IO[bytes]]]:
    """Names and contents; the checksum is that of the whole."""
    with Bounded(archive) as stream:
        stream.most = most
        with tarfile.open(fileobj=stream, mode="r|") as opened:
            for entry in opened:
                plain = entry.isreg() and not entry.issparse()  # a sparse file is larger than its stream
                if not (plain or entry.isdir()):
                    raise ValueError(f"{entry.name!r} is a link or a device")
                if file := opened.extractfile(entry):
                    yield entry.name, file
        while stream.read(1 << 20):
            pass  # to the checksum: a damaged head looks like the end


class Bounded(gzip.GzipFile):
    """A stream that gives no more than `most` bytes, heads of files included, however small it is compressed."""

    most = 0

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > self.most:
            raise ValueError(f"it would unpack to more than the {self.most:,} bytes that are plausible")
        return super().read(size)
