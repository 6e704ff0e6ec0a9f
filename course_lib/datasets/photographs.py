"""Photographs: folders of picture files below $COURSE_DATA or in the cache, fetched where they are in neither."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor

from course_lib.datasets.reading import read_square, readable
from course_lib.one_line import OneLine
from course_lib.storage.files import cached, default_cache, digest, named

SPLITS = ("train", "validation", "test")
LITTER = {"__macosx", "icon\r", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information"}
LITTER |= {"@eadir", "lost+found"}  # of a network drive, and of a disk
NAMED = 3  # broken files in a sentence
LARGEST = 1_000_000_000  # bytes of a split in the cache; pictures of a larger one are read whenever asked for


@dataclass(frozen=True, repr=False)
class Collection(OneLine):
    """Where the pictures of a data set are: folders of classes below a train and a test folder.

    `held_out` training pictures, chosen at random once and for all, are the validation split. `home` says where the
    parts are (None: to be looked for, or fetched). `fetch` puts both parts into a folder, each whole or not at all.
    Where several folders are one class, `labels` says which class each of `folders` is. `between` stands between part
    and folder in a path: nothing in trainA.
    """

    name: str
    classes: tuple[str, ...]
    folders: tuple[str, ...]
    parts: tuple[str, str]
    held_out: int
    fetch: Callable[[Path], None] | None = None
    home: Path | None = None
    labels: tuple[int, ...] | None = None
    between: str = "/"

    def places(self, split: str) -> list[Path]:
        """The folders of this split in the order of `folders`; fetched where they are not there yet."""
        part = self.parts[split == "test"]
        inside = [f"{part}{self.between}{folder}" for folder in self.folders]
        home = self.home or found(self.name, inside) or self._fetched(inside)
        return [home / place for place in inside]

    def files(self, split: str) -> list[tuple[Path, int]]:
        """The picture files of this split and their labels, in a random order that is always the same."""
        found, places = [], self.places(split)
        for label, place in zip(self.labels or range(len(places)), places, strict=True):
            paths = [path for path in files_below(place) if path.suffix.lower() in readable()]
            if not paths:
                raise FileNotFoundError(f"expected pictures in {place}, found none")
            found += [(path, label) for path in paths]
        order = torch.randperm(len(found), generator=torch.Generator().manual_seed(0)).tolist()
        chosen = {"train": order[self.held_out :], "validation": order[: self.held_out], "test": order}
        return [found[place] for place in chosen[split]]

    def _fetched(self, inside: Sequence[str]) -> Path:
        cache = default_cache() / self.name
        if self.fetch is None:
            raise FileNotFoundError(f"expected the folders {', '.join(inside)} in {cache}, found none")
        try:
            cache.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{cache}.lock"):
                if not found(self.name, inside):  # another process may have brought it meanwhile
                    print(f"Fetching {self.name} into {cache}", flush=True)
                    self.fetch(cache)
        except OSError as error:
            raise FileNotFoundError(
                f"expected the pictures of {self.name} below $COURSE_DATA or in {cache}, could not fetch them: {error}"
            ) from error
        return cache


def found(name: str, inside: Sequence[str]) -> Path | None:
    return next((home for home in candidates(name) if all((home / place).is_dir() for place in inside)), None)


def candidates(name: str) -> list[Path]:
    """Where a data set of this name may be: below $COURSE_DATA, that folder itself, and the cache."""
    data = named("COURSE_DATA")
    return [*([data / name, data] if data else []), default_cache() / name]


class Photographs(OneLine, torch.utils.data.Dataset[tuple[Tensor, int]]):
    """Pictures (3, size, size) uint8 with labels that index `classes`, in a random order that is always the same.

    Each is the central square of a file, resized. Raises ValueError for an unknown split, FileNotFoundError where the
    pictures are neither here nor to be fetched.
    """

    def __init__(self, collection: Collection, split: str, *, size: int) -> None:
        if split not in SPLITS:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}; got {split!r}")
        self.collection, self.split, self.size, self.classes = collection, split, size, collection.classes
        files = collection.files(split)
        self.files = [file for file, _ in files]
        self.labels = torch.tensor([label for _, label in files])
        self._pictures: Tensor | None = None

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Picture (3, size, size) uint8 and its label; negative indices count from the end."""
        return self.images([index])[0], int(self.labels[index])

    def images(self, indices: Sequence[int] | Tensor | None = None) -> Tensor:
        """Pictures (n, 3, size, size) uint8 at these indices, all where None; read once, then kept in the cache, unless
        they are too many."""
        if self._pictures is None:
            if indices is not None and 3 * len(self) * self.size**2 > LARGEST:
                return read_all(
                    [self.files[index] for index in torch.as_tensor(indices).reshape(-1).tolist()], self.size
                )
            self._pictures = self._load()
        return self._pictures.clone() if indices is None else self._pictures[torch.as_tensor(indices).reshape(-1)]

    def _load(self) -> Tensor:
        """All pictures, from the cache or from their files. A changed folder never reads an old cache."""
        stats = ((file, file.stat()) for file in self.files)
        rows = (f"{file.parent.name}/{file.name} {one.st_size} {one.st_mtime_ns}\n" for file, one in stats)
        known = os.fsencode("".join(rows))
        path = default_cache() / f"{self.collection.name}-{self.split}-{self.size}-{digest(known)[:12]}.npy"
        return cached(path, (len(self), 3, self.size, self.size), lambda: read_all(self.files, self.size))


def read_all(files: Sequence[Path], size: int) -> Tensor:
    """The pictures of these files, (n, 3, size, size) uint8; a ValueError says how many are broken, and which first."""
    if not files:
        return torch.empty(0, 3, size, size, dtype=torch.uint8)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        read = [pool.submit(read_square, file, size) for file in files]
    found = zip(files, (one.exception() for one in read), strict=True)
    broken = [f"{file}: {error}" for file, error in found if error]
    if broken:
        more = f" and {len(broken) - NAMED:,} more" if len(broken) > NAMED else ""
        raise ValueError(f"expected pictures, got {len(broken):,} broken: {'; '.join(broken[:NAMED])}{more}")
    return torch.stack([one.result() for one in read])


def files_below(place: Path) -> list[Path]:
    """All files, in order, but what systems, programs and Macs leave beside a person's: nobody means these."""

    def fail(error: OSError) -> None:
        raise error

    found, seen = [], {os.path.realpath(place)}
    for folder, folders, names in os.walk(place, onerror=fail, followlinks=True):
        new = {name: os.path.realpath(Path(folder, name)) for name in folders if not litter(name)}
        folders[:] = [name for name, real in new.items() if real not in seen]  # links can lead in a circle
        seen.update(new.values())
        found += [Path(folder, name) for name in names if not litter(name)]
    return sorted(found)


def litter(name: str) -> bool:
    return name.startswith(".") or name.casefold() in LITTER
