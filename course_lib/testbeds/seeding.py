"""Where a testbed's seed distributions come from: training pictures, or statistics of them that ship."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

import torch
from torch import Tensor

from course_lib.doors import check_labels
from course_lib.one_line import OneLine
from course_lib.seeds import KINDS, Seeds, upsampled
from course_lib.testbeds.statistics import load_statistics

read_once = cache(load_statistics)  # all kinds of seeds are in one file
FIT = 2_000  # training pictures of a testbed that seed distributions are fitted on


class Pictures(Protocol):
    """A split of a data set: what `PictureBook` and `Photographs` share."""

    labels: Tensor

    @property
    def size(self) -> int: ...
    def __len__(self) -> int: ...
    def images(self, indices: Tensor | range) -> Tensor: ...


@dataclass(frozen=True, repr=False)
class Seeding(OneLine):
    """How seeds are fitted. By default on the first `FIT` training pictures.

    With `statistics`, the name of a file in data/statistics, no pictures are needed for the kinds that it knows. With
    a `size` in pixels, training pictures of that size are used, all of them, and seeds are drawn on it and upsampled;
    with `of_each`, so many pictures of a class alone, when that class is first asked for.
    """

    statistics: str | None = None
    size: int | None = None
    of_each: int | None = None

    def fitted(self, kind: str, *, pictures: Callable[..., Pictures], classes: int, resolution: int) -> Seeds:
        """The distribution of this kind; `pictures("train", size=...)` gives the training pictures."""
        if KINDS[kind].blind:
            return KINDS[kind].fit(torch.empty(0, 3, resolution, resolution), torch.empty(0))
        if self.statistics is not None:
            stored = read_once(self.statistics, resolution=resolution)
            if kind in stored:
                return stored[kind]
        size = self.size or resolution
        book, fit = pictures("train", size=size), KINDS[kind].fit
        if self.of_each:
            seeds: Seeds = OnDemand(
                classes, lambda label: book.images((book.labels == label).nonzero()[: self.of_each, 0]), fit
            )
        else:
            count = len(book) if self.size else min(FIT, len(book))
            seeds = fit(book.images(range(count)), book.labels[:count])
        return upsampled(seeds, resolution // size)


@dataclass(frozen=True, repr=False)
class OnDemand(OneLine):
    """A distribution for each of many `classes`, fitted on uint8 pictures (N, 3, H, W) when first asked for."""

    classes: int
    pictures: Callable[[int], Tensor]
    fit: Callable[[Tensor, Tensor], Seeds]
    fitted: dict[int, Seeds] = field(default_factory=dict)

    def sample(self, labels: Tensor, *, generator: torch.Generator) -> Tensor:
        check_labels(labels, classes=self.classes)
        if not len(labels):
            return self.of(0).sample(labels, generator=generator)
        places = {label: (labels == label).nonzero().squeeze(1) for label in labels.unique().tolist()}
        parts = [self.of(label).sample(torch.zeros_like(rows), generator=generator) for label, rows in places.items()]
        return torch.cat(parts)[torch.cat([*places.values()]).argsort()]

    def centres(self, label: int) -> Tensor:
        return self.of(label).centres(0)

    def of(self, label: int) -> Seeds:
        """The distribution of this class alone, in which its label is 0."""
        if label not in self.fitted:
            pictures = self.pictures(label)
            self.fitted[label] = self.fit(pictures, torch.zeros(len(pictures), dtype=torch.int64))
        return self.fitted[label]
