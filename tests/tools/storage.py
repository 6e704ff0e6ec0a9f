"""Archives, and a full disk."""

import io
import resource
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip file with these files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    """A tar.gz file with these files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


@contextmanager
def full_disk(most: int = 1_000) -> Iterator[None]:
    """For the time of a block, no file takes more than so many bytes: an OSError comes in the middle of a write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
