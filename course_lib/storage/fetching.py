"""Files from the internet: whole and checked, or not there at all; what has come of one is kept and resumed.

`huggingface_hub` and torchvision start anew after a killed run, so all bytes come through `fetch`. A file that was put
in its place by hand is used, and checked, too.
"""

import errno
import hashlib
import http.client
import os
import re
import shutil
import ssl
import time
import urllib.request
from pathlib import Path
from urllib.error import HTTPError, URLError

from filelock import FileLock

TIMEOUT = 20.0  # seconds without a byte
ATTEMPTS = 4  # in a row that bring nothing
PAUSE = 1.0  # seconds before another attempt; twice as many after each that has brought nothing
PIECE = 1 << 20  # bytes
PASSING = {408, 425, 429, 500, 502, 503, 504}  # answers that may be another one in a second
NETWORK = (URLError, http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError)


def fetch(url: str, path: Path, *, sha256: str | None = None) -> Path:
    """The file at `path`, fetched from `url` where it is not there yet.

    Args:
        url: where the file is, by HTTP or HTTPS.
        path: where it shall be. It gets there in one step; until then it is `path`.part, and the next call goes on with
            that unless the file has changed at its source. Of two processes, one waits for the other.
        sha256: in hexadecimal digits, or their first ones, as in the names of torchvision's files.

    FileNotFoundError where it cannot be had, ValueError where it is another file, OSError where the disk is full.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            if not path.exists():  # another process may have brought it meanwhile
                part = Path(f"{path}.part")
                receive_patiently(url, path)
                check(part, sha256, f"from {url}", remove=True)
                os.replace(part, path)
                note(path).unlink(missing_ok=True)
                return path
    check(path, sha256, f"at {path}, which is from {url},")
    return path


def fetch_from_hub(repository: str, filename: str) -> Path:
    """A file of a model repository on Hugging Face, or on the mirror that $HF_ENDPOINT names, in the course's cache.

    The hub states the SHA-256 of every large file. Without a network, a file that is there already is used as it is.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    path = hub_path(repository, filename)
    url = hf_hub_url(repository, filename)
    try:
        stated = get_hf_file_metadata(url, timeout=TIMEOUT)
    except Exception as error:  # which client the library uses, and so what that raises, depends on its version
        if path.exists():
            return path
        raise absent(url, path, error) from error
    url = hf_hub_url(repository, filename, revision=stated.commit_hash)  # so that it cannot change on the way
    large = re.fullmatch("[0-9a-f]{64}", stated.etag or "")
    return fetch(url, path, sha256=stated.etag if large else None)


def hub_path(repository: str, filename: str) -> Path:
    from course_lib.storage.files import default_cache  # imports torch: only where it is needed

    return default_cache() / "hub" / repository.replace("/", "--") / filename


def check(path: Path, sha256: str | None, which: str, *, remove: bool = False) -> None:
    """ValueError where a file has another SHA-256; `remove` it then, so that it is never gone on with."""
    if sha256 is None:
        return
    with path.open("rb") as file:
        got = hashlib.file_digest(file, "sha256").hexdigest()
    if not got.startswith(sha256):
        if remove:
            path.unlink()
        cure = "it was removed" if remove else "remove it, and it is fetched again"
        raise ValueError(f"expected a file {which} with SHA-256 {sha256}, got {got}: {cure}")


def receive_patiently(url: str, path: Path) -> None:
    """`receive`, again after failures that may pass, as long as no more than `ATTEMPTS` in a row bring nothing."""
    part, failures = Path(f"{path}.part"), 0
    while True:
        before = size(part)
        try:
            return receive(url, path)
        except NETWORK as error:
            failures = 0 if size(part) > before else failures + 1
            final = isinstance(error, HTTPError) and error.code not in PASSING
            if final or failures >= ATTEMPTS:
                raise absent(url, path, error) from error
        time.sleep(PAUSE * 2**failures)


def receive(url: str, path: Path) -> None:
    """Bring `path`.part to its full length in one request; `path`.part.note keeps its version's name."""
    part = Path(f"{path}.part")
    version = note(path).read_text() if note(path).exists() else ""
    there = size(part) if version else 0
    headers = {"User-Agent": "robust-image-synthesis", "Accept-Encoding": "identity"}
    headers |= {"Range": f"bytes={there}-", "If-Range": version} if there else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as response:
            first = response.headers.get("Content-Range", "").startswith(f"bytes {there}-")
            if (response.status == 206 and not first) or (response.length is None and not response.chunked):
                raise ConnectionError("the answer ended before it said which bytes follow")
            if response.status != 206:
                there = 0
                begin(path, response)
            write(response, part, there)
    except HTTPError as error:
        error.close()
        if error.code != 416 or not there:
            raise
        if error.headers.get("Content-Range") != f"bytes */{there}":  # else a kill came between the last byte and here
            note(path).unlink()
            raise ConnectionError("the file there is shorter than what has come of it") from error


def begin(path: Path, response: http.client.HTTPResponse) -> None:
    """An empty part, and a note of the version it will be: by a strong ETag or by date, else it cannot be resumed."""
    note(path).unlink(missing_ok=True)
    Path(f"{path}.part").write_bytes(b"")
    tag = response.headers.get("ETag", "W/")
    version = response.headers.get("Last-Modified") if tag.startswith("W/") else tag
    if version:
        note(path).write_text(version)


def write(response: http.client.HTTPResponse, part: Path, there: int) -> None:
    """Append the answer to the part. ConnectionError where it ends before its stated length."""
    from huggingface_hub.utils.tqdm import tqdm  # takes half a second, so only where it is needed

    rest = response.length
    free = shutil.disk_usage(part.parent).free
    if rest is not None and free < rest:
        raise OSError(f"expected {rest / 1e6:,.1f} MB of free space in {part.parent}, got {free / 1e6:,.1f} MB")
    total = None if rest is None else there + rest
    bar = tqdm(desc=part.stem, initial=there, total=total, unit="B", unit_scale=True)
    try:
        with bar, part.open("ab") as file:
            while piece := response.read1(PIECE):
                file.write(piece)
                bar.update(len(piece))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise OSError(
            f"expected free space for {part.name}, but the disk is full: free some in {part.parent}, and it goes on"
        ) from error
    if total is not None and size(part) < total:
        raise ConnectionError(f"the connection ended after {size(part):,} of {total:,} bytes")


def absent(url: str, path: Path, error: Exception) -> FileNotFoundError:
    """What to do by hand, in one sentence."""
    reason = str(getattr(error, "reason", "") or error or type(error).__name__).split("\n")[0].strip()
    reason = f"{error.code} {reason}" if isinstance(error, HTTPError) else reason
    return FileNotFoundError(
        f"expected {path}, could not fetch it from {url} ({reason}): fetch it by hand and put it there"
    )


def note(path: Path) -> Path:
    return Path(f"{path}.part.note")


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
