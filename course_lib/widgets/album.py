"""What a demo starts from: photographs that ship, test pictures that are at hand, and a person's own."""

import io
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from course_lib.datasets import shipped
from course_lib.datasets.collections import IMAGENETTE
from course_lib.datasets.photographs import Photographs
from course_lib.datasets.reading import read_picture
from course_lib.one_line import OneLine
from course_lib.testbeds import Testbed
from course_lib.widgets import controls
from course_lib.widgets.upload import Upload

TESTS, FARTHER = 6, 3  # test photographs; their class to become is so many places on
OWN, SUGGESTED = "your own", "suggested"


class Album(OneLine):
    """Pictures by name, each with a class that it may become; `menu`, `own` and `label` are controls to choose them.

    The photographs that ship and test photographs, where these are on this machine: nothing is fetched. A testbed of
    other classes has its first ten test pictures instead.
    """

    def __init__(self, testbed: Testbed) -> None:
        self.size, self.classes = testbed.resolution, testbed.classes
        self.sources: dict[str, Path | Tensor] = {}
        self.aims: dict[str, str] = {}  # by name, the suggested class
        if set(shipped.SUGGESTED.values()) <= set(self.classes):
            self.sources = {name: shipped.FOLDER / f"{name}.webp" for name in shipped.SUGGESTED}
            self.aims = dict(shipped.SUGGESTED)
            self.shown = [*self.sources]
            self.add(*test_photographs())
        else:
            images, labels = testbed.first("test", 10)
            self.add(images.split(1), labels)
            self.shown = [*self.sources]
        self.menu = controls.menu("picture", [*self.sources, OWN], self.shown[0])
        self.own = Upload()
        self.own.observe(lambda change: self.menu.set_trait("value", OWN if change.new else self.menu.value), "value")
        self.label = controls.menu("becomes", [SUGGESTED, *self.classes], SUGGESTED)

    def add(self, sources: Iterable[Path | Tensor], labels: Tensor) -> None:
        for number, (source, label) in enumerate(zip(sources, labels.tolist(), strict=False)):
            name = f"test {number}: {self.classes[label]}"
            self.sources[name], self.aims[name] = source, self.classes[(label + FARTHER) % len(self.classes)]

    def start(self, picture: str, own: bytes = b"", size: int | None = None) -> Tensor:
        """The picture of this name, (1, 3, size, size); ValueError where a person's own is not there."""
        source = opened(own) if picture == OWN else self.sources[picture]
        return source if isinstance(source, Tensor) else read_picture(source, size or self.size)

    def target(self, picture: str, label: str = SUGGESTED) -> int:
        """The place of a class, or of the one that is suggested for the picture; for a person's own, of the first."""
        return self.classes.index(label if label != SUGGESTED else self.aims.get(picture, self.classes[0]))

    def pictures(self) -> tuple[Tensor, Tensor]:
        """What every machine has of it, (N, 3, size, size), and the classes that it may become, (N,)."""
        targets = torch.tensor([self.target(name) for name in self.shown])
        return torch.cat([self.start(name) for name in self.shown]), targets


def opened(own: bytes) -> io.BytesIO:
    """A person's own picture to read; ValueError where there is none."""
    if not own:
        raise ValueError("expected a picture of your own, got none yet: choose a file")
    return io.BytesIO(own)


def test_photographs() -> tuple[list[Path], Tensor]:
    """The first test photographs of Imagenette, where they are on this machine, and their labels."""
    try:
        test = Photographs(replace(IMAGENETTE, fetch=None), "test", size=shipped.SIDE)
    except FileNotFoundError:
        return [], torch.empty(0)
    return test.files[:TESTS], test.labels
