"""What a demo starts from or restores: photographs that ship, test pictures at hand, and a person's own."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_lib import testbeds
from course_lib.datasets import shipped
from course_lib.datasets.collections import IMAGENETTE
from course_lib.datasets.photographs import Photographs
from course_lib.datasets.reading import read_picture
from course_lib.one_line import OneLine
from course_lib.testbeds import Testbed
from course_lib.widgets import controls
from course_lib.widgets.buttons import Upload

TESTS, FARTHER = 6, 3  # test photographs; their class to become is so many places on
OWN, SUGGESTED = "your own", "suggested"
TRUE = "its own"  # the true class of a test picture, the one suggested for a photograph that ships


class Album(OneLine):
    """Pictures by name, each with a class that it may become; `menu`, `own` and `label` are controls to choose them.

    The photographs that ship and test photographs, where these are on this machine: nothing is fetched. A testbed of
    other classes has its first ten test pictures instead.
    """

    def __init__(self, testbed: Testbed) -> None:
        self.size, self.classes = testbed.resolution, testbed.classes
        known = shipped.SUGGESTED if set(shipped.SUGGESTED.values()) <= set(self.classes) else {}
        self.sources: dict[str, Path | Tensor] = {name: shipped.FOLDER / f"{name}.webp" for name in known}
        self.aims = dict(known)  # by name, the suggested class
        tests, labels = test_photographs() if known else testbed.first("test", 10)
        for number, (source, label) in enumerate(zip(tests, labels.tolist(), strict=True)):
            name = f"test {number}: {self.classes[label]}"
            self.sources[name], self.aims[name] = source, self.classes[(label + FARTHER) % len(self.classes)]
        self.shown = [*known] or [*self.sources]
        self.menu, self.own, self.label = choosers([*self.sources], "becomes", [SUGGESTED, *self.classes])

    def start(self, picture: str, own: bytes = b"", size: int | None = None) -> Tensor:
        """The picture of this name, (1, 3, size, size); ValueError where a person's own is not there."""
        source = opened(own) if picture == OWN else self.sources[picture]
        return source[None] if isinstance(source, Tensor) else read_picture(source, size or self.size)

    def target(self, picture: str, label: str = SUGGESTED) -> int:
        """The place of a class, or of the one that is suggested for the picture; for a person's own, of the first."""
        return self.classes.index(label if label != SUGGESTED else self.aims.get(picture, self.classes[0]))

    def pictures(self) -> tuple[Tensor, Tensor]:
        """What every machine has of it, (N, 3, size, size), and the classes that it may become, (N,)."""
        targets = torch.tensor([self.target(name) for name in self.shown])
        return torch.cat([self.start(name) for name in self.shown]), targets


class Originals(OneLine):
    """Pictures by name: some of a testbed's test pictures, the photographs that ship, and a person's own.

    Photographs are in no class of any testbed: `label` names one, and networks that know photographs restore them.
    `menu`, `own` and `label` are controls.
    """

    def __init__(self, testbed: Testbed, places: Sequence[int]) -> None:
        knows = set(shipped.SUGGESTED.values()) <= set(testbed.classes)
        self.testbed, self.photographs = testbed, testbed if knows else testbeds.load("imagenette-128")
        labels = testbed.test.labels.tolist()
        self.places = {f"test {place}: {testbed.classes[labels[place]]}": place for place in places}
        names, classes = [*self.places, *shipped.SUGGESTED], [TRUE, *self.photographs.classes]
        self.menu, self.own, self.label = choosers(names, "class", classes)

    def scene(self, picture: str, own: bytes, label: str) -> tuple[Testbed, Tensor, Tensor]:
        """The testbed that restores it, the picture (1, 3, H, W), and its class (1,).

        ValueError where a person's own picture is missing or has no class yet, and for a class that the testbed lacks.
        """
        if picture in self.places:
            image, true = self.testbed.batch("test", [self.places[picture]])
            return self.testbed, image, true if label == TRUE else self.place(self.testbed, label)
        bed = self.photographs
        image = read_picture(opened(own) if picture == OWN else shipped.FOLDER / f"{picture}.webp", bed.resolution)
        return bed, image, self.place(bed, shipped.SUGGESTED.get(picture, label) if label == TRUE else label)

    @staticmethod
    def place(bed: Testbed, name: str) -> Tensor:
        if name not in bed.classes:
            raise ValueError(f"expected a class among {', '.join(bed.classes)}, got {name!r}: choose one in the menu")
        return torch.tensor([bed.classes.index(name)])


def choosers(pictures: Sequence[str], label: str, classes: Sequence[str]) -> tuple[Any, Upload, Any]:
    """Menus of pictures and classes, and a person's own picture: the menu turns to it when it comes."""
    menu, own = controls.menu("picture", [*pictures, OWN], pictures[0]), Upload()
    own.observe(lambda change: menu.set_trait("value", OWN if change.new else menu.value), "value")
    return menu, own, controls.menu(label, classes, classes[0])


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
    return test.files[:TESTS], test.labels[:TESTS]
