"""A store of many pictures: a folder of shards, each of them whole or not there.

    index.json                       what the pictures are, how many, and how many a shard holds
    00000.safetensors, 00000.json    the first of them: uint8 images and labels, and a card with their SHA-256

Processes fill it side by side; one that is killed leaves whole shards, and those are never computed again.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_lib.one_line import OneLine
from course_lib.pixels import to_float
from course_lib.storage.files import digest, load_tensors, save_tensors, write

INDEX = "index.json"


@dataclass(frozen=True, repr=False)
class Store(OneLine):
    """`count` pictures in shards of `size`; `about` is all that decides them, and every shard's card vouches for it."""

    folder: Path
    about: Mapping[str, Any]
    count: int
    size: int

    @classmethod
    def open(cls, folder: Path) -> "Store":
        """The store in a folder. FileNotFoundError where there is none."""
        path = folder / INDEX
        if not path.exists():
            raise FileNotFoundError(f"expected a store of pictures in {folder}, found no {INDEX}")
        return cls(folder, **json.loads(path.read_text()))

    @classmethod
    def create(cls, folder: Path, about: Mapping[str, Any], *, count: int, size: int) -> "Store":
        """A store to be filled, new or begun before; it may grow. ValueError where the folder holds other pictures."""
        if count < 1 or size < 1:
            raise ValueError(
                f"expected at least one picture in shards of at least one, got {count} in shards of {size}"
            )
        store = cls(folder, json.loads(json.dumps(about)), count, size)
        if (folder / INDEX).exists():
            there = cls.open(folder)
            if (there.about, there.size) != (store.about, store.size):
                wanted, got = ({**one.about, "size": one.size} for one in (store, there))
                raise ValueError(f"expected a store of {wanted} in {folder}, got one of {got}; choose another folder")
        index = {"about": store.about, "count": count, "size": size}
        write(folder / INDEX, (json.dumps(index, indent=2) + "\n").encode())
        return store

    @property
    def shards(self) -> int:
        """How many shards hold `count` pictures; the last one is full, too, so that a store can grow."""
        return math.ceil(self.count / self.size)

    def put(self, number: int, images: Tensor, labels: Tensor) -> None:
        """Write one shard: uint8 images (size, 3, H, W) and labels (size,)."""
        if images.dtype != torch.uint8 or len(images) != self.size or labels.shape != (self.size,):
            came = f"{images.dtype} {tuple(images.shape)} and {tuple(labels.shape)}"
            raise ValueError(f"expected {self.size} uint8 images (N, 3, H, W) and their labels, got {came}")
        save_tensors(self._path(number), {"images": images, "labels": labels}, {"shard": number, "of": self._of})

    def has(self, number: int) -> bool:
        """Whether this shard is there, whole, and one of these pictures."""
        return self._read(number) is not None

    def parts(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Pictures in [0, 1] and labels, shard by shard. ValueError where a shard is missing or not sound."""
        for number in range(self.shards):
            tensors, left = self._read(number), self.count - number * self.size
            if tensors is None:
                raise ValueError(
                    f"expected {self.shards} shards in {self.folder}, number {number} is missing or damaged: "
                    "start the command that makes them again, and it makes this one"
                )
            yield to_float(tensors["images"][:left]), tensors["labels"][:left]

    def _read(self, number: int) -> dict[str, Tensor] | None:
        """The tensors of a shard; None where it is missing, not the one of its card, or of other pictures."""
        try:
            tensors, card = load_tensors(self._path(number))
            return tensors if card["of"] == self._of else None
        except (OSError, ValueError, KeyError):
            return None

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:05d}"

    @property
    def _of(self) -> str:
        return digest(json.dumps([self.about, self.size], sort_keys=True).encode())
