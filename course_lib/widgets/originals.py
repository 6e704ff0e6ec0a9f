"""What a demo damages and restores: test pictures, whose class is true, and any photograph, whose class one names."""

from collections.abc import Sequence

import torch
from torch import Tensor

from course_lib import testbeds
from course_lib.datasets import shipped
from course_lib.datasets.reading import read_picture
from course_lib.one_line import OneLine
from course_lib.testbeds import Testbed
from course_lib.widgets.album import OWN, choosers, opened

TRUE = "its own"  # the true class of a test picture, the one suggested for a photograph that ships


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
