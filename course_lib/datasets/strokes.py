"""Drawings without a browser: strokes, rectangles and ellipses, as the canvas has them.

Pillow draws each shape FINE times as large, and what it covers of a pixel is the average: edges are soft. Coordinates
are pixels: (0, 0) is the picture's upper left corner, (size, size) its lower right one. What is drawn is kept as a PNG
(RGBA, size x size), and b"" where nothing is.
"""

import io
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageChops, ImageDraw
from torch import Tensor

from course_lib.one_line import OneLine

BLACK = "#000000"
ERASER = "eraser"  # in place of a colour: takes away what is there
LARGEST = 1024  # pixels, the side of a picture
FINE = 4  # points of the large drawing along a pixel's side
PAINTED = 255


@dataclass(frozen=True, repr=False)
class Stroke(OneLine):
    """A brush with a round tip of this width, led from point to point; one point is a dot."""

    points: Sequence[tuple[float, float]]
    width: float = 4.0
    colour: str = BLACK

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", tuple((float(x), float(y)) for x, y in self.points))
        if not self.points:
            raise ValueError("expected at least one point of a stroke, got none")
        check(self, *(number for point in self.points for number in point), self.width)
        if not self.width > 0:
            raise ValueError(f"expected a stroke with a width above 0, got {self.width}")

    def fill(self, draw: ImageDraw.ImageDraw) -> None:
        """One dot beside the other: Pillow's lines have no round ends and lie up to half a point off."""
        reach, apart = self.width / 2, max(1 / FINE, self.width / 16)
        for start, end in zip(self.points, self.points[1:] or self.points, strict=False):
            steps = math.ceil(math.dist(start, end) / apart)
            for x, y in np.linspace(start, end, steps + 1):
                draw.ellipse(enlarged(x - reach, y - reach, x + reach, y + reach), PAINTED)


@dataclass(frozen=True, repr=False)
class Rectangle(OneLine):
    left: float
    top: float
    right: float
    bottom: float
    colour: str = BLACK

    def __post_init__(self) -> None:
        check(self, *self.box)
        if not (self.left < self.right and self.top < self.bottom):
            raise ValueError(f"expected left < right and top < bottom, got {self}")

    @property
    def box(self) -> tuple[float, float, float, float]:
        return self.left, self.top, self.right, self.bottom

    def fill(self, draw: ImageDraw.ImageDraw) -> None:
        draw.rectangle(enlarged(*self.box), PAINTED)


class Ellipse(Rectangle):
    """A filled ellipse that fits into this rectangle."""

    def fill(self, draw: ImageDraw.ImageDraw) -> None:
        draw.ellipse(enlarged(*self.box), PAINTED)


Shape = Stroke | Rectangle


def layer(shapes: Iterable[Shape], size: int, *, onto: bytes = b"") -> bytes:
    """The PNG of these shapes, drawn one over the other, over a layer that is there already.

    Raises ValueError for a shape that lies outside the picture, and for a bad `onto`.
    """
    drawing = decode(onto, size)
    for shape in shapes:
        large = Image.new("L", (FINE * size, FINE * size))
        shape.fill(ImageDraw.Draw(large))
        if not large.getbbox():
            raise ValueError(f"expected a shape that can be seen in the picture of {size} x {size} pixels, got {shape}")
        paint(drawing, large.reduce(FINE), shape.colour)
    return encode(drawing)


def paint(drawing: Image.Image, cover: Image.Image, colour: str) -> None:
    """Lay a colour over an RGBA picture where `cover` says so, or take away what is there."""
    if colour == ERASER:
        drawing.putalpha(ImageChops.multiply(drawing.getchannel("A"), ImageChops.invert(cover)))
    else:
        above = Image.new("RGBA", drawing.size, colour)
        above.putalpha(cover)
        drawing.alpha_composite(above)


def enlarged(*box: float) -> tuple[int, int, int, int]:
    """The first and the last point of the large drawing inside a box, at least one each way."""
    left, top, right, bottom = (round(FINE * side) for side in box)
    return left, top, max(left, right - 1), max(top, bottom - 1)


def mask_of(value: bytes, size: int) -> Tensor:
    """1 where more than half of a pixel is painted, else 0: (1, 1, size, size)."""
    return torch.from_numpy(np.array(decode(value, size))[..., 3] > 127).float()[None, None]


def image_of(value: bytes, size: int, picture: Tensor | None = None) -> Tensor:
    """What is drawn, over a picture or over white paper: (1, 3, size, size) in [0, 1]."""
    below = torch.ones(1, 3, size, size, dtype=torch.float32) if picture is None else one_picture(picture, size)
    pixels = torch.from_numpy(np.array(decode(value, size))).permute(2, 0, 1)[None].to(below) / 255
    return below + pixels[:, 3:] * (pixels[:, :3] - below)


def one_picture(picture: Tensor, size: int) -> Tensor:
    """(3, size, size) or (1, 3, size, size) in [0, 1] -> (1, 3, size, size); ValueError for anything else."""
    if tuple(picture.shape) not in ((3, size, size), (1, 3, size, size)):
        raise ValueError(f"expected a picture (3, {size}, {size}), got shape {tuple(picture.shape)}")
    if not (picture.is_floating_point() and 0 <= picture.min() <= picture.max() <= 1):
        raise ValueError(f"expected a picture of floats in [0, 1], got {picture.dtype} with other values")
    return picture.detach().reshape(1, 3, size, size)


def decode(value: bytes, size: int) -> Image.Image:
    """A PNG as an RGBA picture; transparent for b"". ValueError, in one sentence, where it is none."""
    if not 1 <= size <= LARGEST:
        raise ValueError(f"expected a size of 1 to {LARGEST} pixels, got {size}")
    if not value:
        return Image.new("RGBA", (size, size))
    try:
        with Image.open(io.BytesIO(value), formats=["PNG"]) as picture:
            if (found := picture.size) == (size, size):
                return picture.convert("RGBA")  # decoded only if not larger
    except Exception as error:  # what a decoder raises on a broken file is anyone's guess
        raise ValueError(f"expected a drawing as PNG, got {len(value)} bytes that are none") from error
    raise ValueError(f"expected a drawing of {size} x {size} pixels, got {found[0]} x {found[1]}")


def encode(drawing: Image.Image) -> bytes:
    """An RGBA picture as PNG; b"" where all of it is transparent. Equal drawings give equal bytes."""
    if not drawing.getbbox():
        return b""
    stream = io.BytesIO()
    blank = Image.new("RGBA", drawing.size)
    Image.alpha_composite(blank, drawing).save(stream, "PNG")  # forgets the colours of transparent pixels
    return stream.getvalue()


def check(shape: Shape, *numbers: float) -> None:
    """Finite numbers of a sane size and a colour, or a ValueError."""
    if wrong := [number for number in numbers if not abs(number) <= 10 * LARGEST]:  # NaN is refused, too
        raise ValueError(f"expected finite coordinates in pixels, got {wrong[0]} in a {type(shape).__name__}")
    if shape.colour != ERASER and not re.fullmatch("#[0-9a-fA-F]{6}", shape.colour):
        raise ValueError(f"expected a colour like #1f77b4, got {shape.colour!r}")
