"""Drawings without a browser: strokes, rectangles and ellipses, pixel for pixel as the canvas draws them.

A shape tells every pixel's centre how far it is from the shape's edge, negative inside, and covers
clamp(1/2 - distance, 0, 1) of the pixel: edges are soft over one pixel. `widgets/canvas.js` has the same formulas.
Coordinates are pixels: (0, 0) is the picture's upper left corner, (size, size) its lower right one. What is drawn is
kept as a PNG (RGBA, size x size), and b"" where nothing is.
"""

import io
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

BLACK = "#000000"
ERASER = "eraser"  # in place of a colour: takes away what is there
LARGEST = 1024  # pixels, the side of a picture


@dataclass(frozen=True)
class Stroke:
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

    @property
    def box(self) -> tuple[float, float, float, float]:
        (across, down), reach = zip(*self.points, strict=True), self.width / 2
        return min(across) - reach, min(down) - reach, max(across) + reach, max(down) + reach

    def distance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        ends = self.points[1:] or self.points
        pieces = (to_segment(x, y, start, end) for start, end in zip(self.points, ends, strict=False))
        return np.minimum.reduce(list(pieces)) - self.width / 2


@dataclass(frozen=True)
class Rectangle:
    """A filled rectangle."""

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

    def distance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.maximum(np.maximum(self.left - x, x - self.right), np.maximum(self.top - y, y - self.bottom))


class Ellipse(Rectangle):
    """A filled ellipse that fits into this rectangle."""

    def distance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """To first order: (k - 1) k over the length of k's gradient, where k is 1 on the edge."""
        across, down = (self.right - self.left) / 2, (self.bottom - self.top) / 2
        u, v = (x - (self.left + self.right) / 2) / across, (y - (self.top + self.bottom) / 2) / down
        k, slope = np.sqrt(u * u + v * v), np.sqrt((u / across) * (u / across) + (v / down) * (v / down))
        return np.where(slope > 0, (k - 1) * k / np.where(slope > 0, slope, 1), -min(across, down))


Shape = Stroke | Rectangle


def layer(shapes: Iterable[Shape], size: int, *, onto: bytes = b"") -> bytes:
    """The PNG of these shapes, drawn one over the other, over a layer that is there already.

    Raises ValueError for a shape that lies outside the picture, and for a bad `onto`.
    """
    pixels = decode(onto, size)
    for shape in shapes:
        left, top, right, bottom = shape.box
        if left >= size or top >= size or right <= 0 or bottom <= 0:
            raise ValueError(f"expected a shape within the picture of {size} x {size} pixels, got {shape}")
        paint(pixels, shape)
    return encode(pixels)


def mask_of(value: bytes, size: int) -> Tensor:
    """1 where more than half of a pixel is painted, else 0: (1, 1, size, size)."""
    return torch.from_numpy(decode(value, size)[..., 3] > 127).float()[None, None]


def image_of(value: bytes, size: int, picture: Tensor | None = None) -> Tensor:
    """What is drawn, over a picture or over white paper: (1, 3, size, size) in [0, 1]."""
    below = torch.ones(1, 3, size, size) if picture is None else one_picture(picture, size)
    pixels = torch.from_numpy(decode(value, size)).permute(2, 0, 1)[None].to(below) / 255
    return below + pixels[:, 3:] * (pixels[:, :3] - below)


def one_picture(picture: Tensor, size: int) -> Tensor:
    """(3, size, size) or (1, 3, size, size) in [0, 1] -> (1, 3, size, size); ValueError for anything else."""
    if tuple(picture.shape) not in ((3, size, size), (1, 3, size, size)):
        raise ValueError(f"expected a picture (3, {size}, {size}), got shape {tuple(picture.shape)}")
    if not (picture.is_floating_point() and 0 <= picture.min() <= picture.max() <= 1):
        raise ValueError(f"expected a picture of floats in [0, 1], got {picture.dtype} with other values")
    return picture.detach().reshape(1, 3, size, size)


def decode(value: bytes, size: int) -> np.ndarray:
    """A PNG as an array (size, size, 4) uint8; zeros for b"". ValueError, in one sentence, where it is none."""
    if not 1 <= size <= LARGEST:
        raise ValueError(f"expected a size of 1 to {LARGEST} pixels, got {size}")
    if not value:
        return np.zeros((size, size, 4), np.uint8)
    try:
        with Image.open(io.BytesIO(value), formats=["PNG"]) as picture:
            found = picture.size
            pixels = np.array(picture.convert("RGBA")) if found == (size, size) else None  # decoded only if not larger
    except Exception as error:  # what a decoder raises on a broken file is anyone's guess
        raise ValueError(f"expected a drawing as PNG, got {len(value)} bytes that are none") from error
    if pixels is None:
        raise ValueError(f"expected a drawing of {size} x {size} pixels, got {found[0]} x {found[1]}")
    return pixels


def encode(pixels: np.ndarray) -> bytes:
    """An array (size, size, 4) uint8 as PNG; b"" where all of it is transparent. Equal pixels give equal bytes."""
    if not pixels[..., 3].any():
        return b""
    stream = io.BytesIO()
    Image.fromarray(np.where(pixels[..., 3:] > 0, pixels, 0).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def paint(pixels: np.ndarray, shape: Shape) -> None:
    """Draw a shape over an array (size, size, 4) uint8, or take it away where its colour is the eraser."""
    centres = np.arange(len(pixels)) + 0.5
    cover = np.clip(0.5 - shape.distance(centres[None, :], centres[:, None]), 0, 1)[..., None]
    below = pixels[..., 3:] / 255 * (1 - cover)
    if shape.colour != ERASER:
        colour = np.array([int(shape.colour[at : at + 2], 16) for at in (1, 3, 5)])
        alpha = cover + below
        mixed = (cover * colour + below * pixels[..., :3]) / np.where(alpha > 0, alpha, 1)
        pixels[..., :3] = np.where(cover > 0, np.floor(mixed + 0.5), pixels[..., :3])
        below = alpha
    pixels[..., 3:] = np.floor(255 * below + 0.5)


def to_segment(x: np.ndarray, y: np.ndarray, start: tuple[float, float], end: tuple[float, float]) -> np.ndarray:
    """How far points are from the segment between two points."""
    across, down = end[0] - start[0], end[1] - start[1]
    square = across * across + down * down
    along = np.clip(((x - start[0]) * across + (y - start[1]) * down) / square, 0, 1) if square else 0.0
    dx, dy = x - start[0] - along * across, y - start[1] - along * down
    return np.sqrt(dx * dx + dy * dy)


def check(shape: Shape, *numbers: float) -> None:
    """Finite numbers of a sane size and a colour, or a ValueError."""
    wrong = [number for number in numbers if not (math.isfinite(number) and abs(number) <= 10 * LARGEST)]
    if wrong:
        raise ValueError(f"expected finite coordinates in pixels, got {wrong[0]} in a {type(shape).__name__}")
    if shape.colour != ERASER and not re.fullmatch("#[0-9a-fA-F]{6}", shape.colour):
        raise ValueError(f"expected a colour like #1f77b4, got {shape.colour!r}")
