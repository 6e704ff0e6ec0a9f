"""Archives, sound or with links, and a full disk."""

import io
import resource
import stat
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


def zipped(files: Mapping[str, bytes], *, links: tuple[str, ...] = (), method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip file with these files, some of them as symbolic links."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = ((stat.S_IFLNK if name in links else stat.S_IFREG) | 0o644) << 16
            archive.writestr(entry, data, method)
    return stream.getvalue()


def tarred(
    files: Mapping[str, bytes], *, kinds: Mapping[str, bytes] = {}, headers: dict[str, str] | None = None
) -> bytes:
    """A tar.gz file with these files, some of them of another kind (links to what they hold) or with pax headers."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.pax_headers = kinds.get(name, tarfile.REGTYPE), headers or {}
            entry.size, entry.linkname = (0, data.decode()) if name in kinds else (len(data), "")
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
