"""Sketches that ship: drawn by code in a plain, child-like hand, kept as shapes, so that they suit any resolution."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from torch import Tensor

from course_lib.datasets.strokes import Ellipse, Rectangle, Shape, Stroke, image_of, layer
from course_lib.one_line import OneLine
from course_lib.storage.files import DATA

FILE = DATA / "sketches" / "sketches.json"
PARTS = ("background", "fill", "line")  # in the order in which they are drawn


@dataclass(frozen=True, repr=False)
class Sketch(OneLine):
    """A drawing of what `shows` names; its shapes, in units of the picture's side, each belong to one of `PARTS`."""

    name: str
    shows: str
    drawn: Sequence[dict[str, Any]]

    def shapes(self, size: int, *, parts: Sequence[str] = PARTS) -> list[Shape]:
        """What to draw on a picture of `size` x `size` pixels; of some `parts` only."""
        return [shape(entry, size) for part in PARTS if part in parts for entry in self.drawn if entry["part"] == part]

    def image(self, size: int, *, parts: Sequence[str] = PARTS) -> Tensor:
        """The drawing on white paper, (1, 3, size, size) in [0, 1]."""
        return image_of(layer(self.shapes(size, parts=parts), size), size)


def shape(entry: dict[str, Any], size: int) -> Shape:
    """A stored shape, enlarged from a unit square to `size` pixels."""
    if "points" in entry:
        points = [(size * x, size * y) for x, y in entry["points"]]
        return Stroke(points, size * entry["width"], entry["colour"])
    kind = Ellipse if entry["kind"] == "ellipse" else Rectangle
    left, top, right, bottom = (size * side for side in entry["box"])
    return kind(left, top, right, bottom, entry["colour"])


@cache
def load() -> tuple[Sketch, ...]:
    """All sketches, two for each class of PictureBook, in the order of its classes."""
    return tuple(Sketch(**entry) for entry in json.loads(FILE.read_bytes()))
