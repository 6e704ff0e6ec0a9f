"""Files that are there whole or not at all: tensors with a card beside them, and caches of pictures."""

import functools
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

PACKAGE = Path(__file__).resolve().parents[1]
DATA = next((path for path in (PACKAGE / "data",) if path.is_dir()), PACKAGE.parent / "data")  # installed, or cloned
RESULTS = DATA / "results"  # what was measured


def default_cache() -> Path:
    """$COURSE_CACHE, else robust-image-synthesis in $XDG_CACHE_HOME or ~/.cache, or where temporary files are."""
    home = os.path.expanduser("~")  # stays as it is for a user without a home folder
    base = Path(tempfile.gettempdir()) if home == "~" else Path(home) / ".cache"
    return named("COURSE_CACHE") or (named("XDG_CACHE_HOME") or base) / "robust-image-synthesis"


def named(variable: str) -> Path | None:
    """The folder that an environment variable names, if it names one."""
    text = unquoted(os.environ.get(variable, ""))
    return place(text) if text else None


def place(text: str) -> Path:
    """A path as people write it: with ~, in quotes, or relative, to the current folder or else to the course's."""
    try:
        path = Path(unquoted(text)).expanduser()
    except RuntimeError as error:
        raise ValueError(f"expected a path whose ~ stands for a home folder, got {text}") from error
    beside = PACKAGE.parent / path
    return beside if beside.exists() and not path.exists() else path


def unquoted(text: str) -> str:
    return text.strip().strip("'\"").strip()


def save_tensors(path: Path, tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
    """Write `path`.safetensors, and `path`.json: the card with the SHA-256 of the tensors."""
    data = save({key: value.contiguous() for key, value in tensors.items()})
    write(Path(f"{path}.safetensors"), data)
    write(Path(f"{path}.json"), (json.dumps({**card, "sha256": digest(data)}, indent=2) + "\n").encode())


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `save_tensors` wrote: tensors and card. Nothing is ever unpickled.

    FileNotFoundError where one of the two is missing, ValueError where the tensors are not those of the card.
    """
    card, data = json.loads(Path(f"{path}.json").read_bytes()), Path(f"{path}.safetensors").read_bytes()
    if (got := digest(data)) != card["sha256"]:
        raise ValueError(f"expected {path.name}.safetensors with SHA-256 {card['sha256']}, got {got}: fetch it again")
    try:
        return load(data), card
    except SafetensorError as error:
        raise ValueError(f"expected a safetensors file for {path.name}, got something else: {error}") from error


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Where to write a file or a folder during the block: at its end, all of that takes the place of `path` at once.

    Where the block fails, as on a full disk, or is killed, `path` is as it was. The place is in a folder of its own
    beside `path`: threads and processes never share one, and `path` may have the longest name that there is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".part-", dir=path.parent) as folder:
        new = Path(folder) / path.name
        yield new
        if new.is_dir() and path.is_dir():
            path.rename(Path(folder) / ".old")
        new.replace(path)


def write(path: Path, data: bytes) -> None:
    """A file with these bytes, whole or not at all."""
    with replaced(path) as new:
        new.write_bytes(data)


def cached(path: Path, shape: tuple[int, ...], make: Callable[[], Tensor]) -> Tensor:
    """uint8 pictures of this shape: those in the file if it is sound, else `make()`, which are then kept there."""
    try:
        stored = numpy.lib.format.open_memmap(path, mode="c")
        if stored.shape == shape and stored.dtype == numpy.uint8:
            return torch.from_numpy(stored)
    except (OSError, ValueError, EOFError):
        pass  # missing, truncated or foreign
    pictures = make()
    array = pictures.contiguous().numpy()
    try:
        with replaced(path) as new, new.open("wb") as file:
            numpy.lib.format.write_array_header_1_0(file, numpy.lib.format.header_data_from_array_1_0(array))
            file.write(array.data)  # numpy.save is silent where a disk is full
    except OSError as error:
        say_once(f"Pictures are made again each time, as none can be kept in {path.parent}: {error.strerror}.")
    return pictures


@functools.cache
def say_once(sentence: str) -> None:
    """Print a sentence the first time that there is reason to; a name that is not UTF-8 stops nothing."""
    print(sentence.encode(errors="backslashreplace").decode(), flush=True)
