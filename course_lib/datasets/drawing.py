"""Drawing by signed distance: a shape is a function that tells every pixel how far it is from the shape's edge.

Conventions. A picture spans x (to the right) and y (downwards) in [-1, 1]. B pictures of S x S pixels are drawn at
once. One-channel arrays are (B, S, S) or broadcast to it; colours are (3, B, 1, 1) in [0, 1], so that the two multiply
as they are. Distances are negative inside a shape. Every edge is blurred over about one pixel, so that no picture
hangs on the last bit of a float.
"""

from functools import lru_cache, reduce
from typing import NamedTuple

import numpy
import torch
from torch import Tensor

Number = Tensor | float  # a plain number, or one number for each picture: (B, 1, 1)
Pair = tuple[Number, Number]
BANK = 256  # side of the fixed square of sensor noise, a power of two


class Dice:
    """Everything random about B pictures: `rolls` (B, K) uniforms in [0, 1), handed out column by column.

    Each picture owns a row, so it comes out the same whatever else is drawn beside it and at every resolution. With a
    `background`, all stand before this one, and nothing else changes.
    """

    def __init__(self, rolls: Tensor, size: int, background: int | None = None):
        self.rolls, self.size, self.background, self.used = rolls, size, background, 0

    def take(self, count: int) -> Tensor:
        """The next `count` columns, (B, count)."""
        self.used += count
        if self.used > self.rolls.shape[1]:
            raise IndexError(f"this scene needs more than the {self.rolls.shape[1]} random numbers that a picture has")
        return self.rolls[:, self.used - count : self.used]

    def __call__(self, low: Number, high: Number) -> Tensor:
        """One uniform number for each picture, (B, 1, 1)."""
        return low + (high - low) * self.take(1)[:, :, None]

    def chance(self, probability: float) -> Tensor:
        """1 with this probability, else 0, (B, 1, 1)."""
        return (self.take(1) < probability).float()[:, :, None]

    def colour(self, low: tuple[float, ...], high: tuple[float, ...]) -> Tensor:
        """A colour from the box between two colours, (3, B, 1, 1)."""
        first, last = self.rolls.new_tensor(low)[:, None], self.rolls.new_tensor(high)[:, None]
        return (first + (last - first) * self.take(3).T)[:, :, None, None]

    def pick(self, palette: Tensor, *, jitter: float = 0.06) -> list[Tensor]:
        """The colours of one row of a palette (rows, colours, 3), each (3, B, 1, 1) and moved by up to `jitter`."""
        rows = palette[(self.take(1)[:, 0] * len(palette)).long()]
        moved = rows + jitter * (2 * self.take(3 * palette.shape[1]).reshape(rows.shape) - 1)
        return list(moved.permute(1, 2, 0)[..., None, None])

    def noise(self, octaves: int = 3, *, cells: int = 4) -> Tensor:
        """Smooth clouds around 0, mostly within +-1, (B, S, S): `cells` bumps across, then finer and fainter."""
        total = self.rolls.new_zeros(len(self.rolls), self.size, self.size)
        for octave in range(octaves):
            side = cells << octave
            grid = self.take(side * side).reshape(-1, side, side) - 0.5
            widen = upsampling(side, self.size)
            total.add_(widen @ grid @ widen.T, alpha=2 * 0.55**octave)
        return total

    def ridge(self, octaves: int = 3, *, cells: int = 4) -> Tensor:
        """A smooth random skyline around 0, mostly within +-1, (B, 1, S)."""
        heights = [
            (self.take(cells << octave) - 0.5) @ upsampling(cells << octave, self.size).T * 2 * 0.55**octave
            for octave in range(octaves)
        ]
        return torch.stack(heights).sum(0)[:, None, :]


@lru_cache
def upsampling(cells: int, size: int) -> Tensor:
    """The (size, cells) matrix of bicubic interpolation along one axis."""
    grid = torch.eye(cells, dtype=torch.float32)[None, None]
    return torch.nn.functional.interpolate(grid, size=(size, cells), mode="bicubic", align_corners=False)[0, 0]


@lru_cache
def sensor_noise(size: int) -> Tensor:
    """A fixed square of standard normal noise that repeats after BANK pixels, (3, BANK + size, BANK + size)."""
    generator = numpy.random.Generator(numpy.random.Philox(key=[0, 0]))
    square = torch.from_numpy(generator.standard_normal((3, BANK, BANK), dtype=numpy.float32))
    around = torch.arange(BANK + size) % BANK
    return square[:, around][:, :, around].contiguous()


class Place(NamedTuple):
    """Coordinates seen from some object. Shapes measured here still report distances in units of the whole picture."""

    x: Tensor
    y: Tensor
    scale: Number = 1.0

    def at(self, centre: Pair, scale: Number = 1.0, *, angle: Tensor | None = None) -> "Place":
        """The same pixels seen from `centre`, in units of `scale`, turned by `angle` radians."""
        x, y = (self.x - centre[0]) / scale, (self.y - centre[1]) / scale
        if angle is not None:
            x, y = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
        return Place(x, y, self.scale * scale)


def length(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean length of (x, y), several times faster than `hypot` and safe enough for coordinates near 1."""
    return (x * x + y * y).sqrt_()


def ellipse(place: Place, centre: Pair, radii: Pair) -> Tensor:
    """Distance to an ellipse (exact for a circle, close to the edge otherwise)."""
    rings = length((place.x - centre[0]) / radii[0], (place.y - centre[1]) / radii[1])
    narrow = torch.minimum(*(torch.as_tensor(radius, dtype=torch.float32) for radius in radii))
    return rings.sub_(1).mul_(narrow * place.scale)


def limb(place: Place, start: Pair, end: Pair, *, radius: Number | Pair) -> Tensor:
    """Distance to a stick with round ends; a pair of radii makes it taper from start to end."""
    first, last = radius if isinstance(radius, tuple) else (radius, radius)
    x, y = place.x - start[0], place.y - start[1]
    dx, dy = end[0] - start[0], end[1] - start[1]
    along = ((x * dx + y * dy) / (dx * dx + dy * dy + 1e-6)).clamp_(0, 1)
    return length(x - along * dx, y - along * dy).sub_(along.mul_(last - first)).sub_(first).mul_(place.scale)


def box(place: Place, centre: Pair, halves: Pair) -> Tensor:
    """Distance to a rectangle with the given half width and half height (diagonal distances are a little short)."""
    return torch.maximum((place.x - centre[0]).abs() - halves[0], (place.y - centre[1]).abs() - halves[1]) * place.scale


def polygon(place: Place, *corners: Pair) -> Tensor:
    """Distance to a convex polygon whose corners run clockwise on the screen."""
    distances = []
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        dx, dy = x1 - x0, y1 - y0
        scale = place.scale / (dx * dx + dy * dy) ** 0.5
        distances.append((place.x - x0) * (dy * scale) - (place.y - y0) * (dx * scale))
    return intersection(*distances)


def union(*distances: Tensor) -> Tensor:
    """Any of the shapes."""
    return reduce(torch.minimum, distances)


def intersection(*distances: Tensor) -> Tensor:
    """What the shapes have in common."""
    return reduce(torch.maximum, distances)


def melt(first: Tensor, second: Tensor, *, width: float) -> Tensor:
    """Both shapes, grown together over `width` (Inigo Quilez's polynomial smooth minimum)."""
    bridge = (width - (first - second).abs()).clamp_(min=0)
    return torch.minimum(first, second) - bridge * bridge / (4 * width)


def bump(value: Tensor, width: Number) -> Tensor:
    """A smooth hill of height 1 around value 0 that ends at +-width."""
    return (1 - (value / width) ** 2).clamp_(min=0) ** 2


def step(value: Tensor, low: Number, high: Number) -> Tensor:
    """0 below `low`, 1 above `high`, a straight ramp between."""
    return ((value - low) / (high - low)).clamp_(0, 1)


class Sheet:
    """B pictures in progress, painted back to front.

    `image` is (3, B, S, S); `place` holds the coordinates; `light` is where the light comes from, three (B, 1, 1)
    tensors that form a unit vector (right, down, towards the viewer).
    """

    def __init__(self, dice: Dice, size: int):
        axis = (2 * torch.arange(size, dtype=torch.float32) + 1) / size - 1
        mirror = 1 - 2 * dice.chance(0.5)
        self.place = Place(axis[None, None, :] * mirror, axis[None, :, None])
        self.image = dice.rolls.new_zeros(3, len(dice.rolls), size, size)
        self.size = size
        right, down = dice(-0.65, 0.65), dice(-0.75, -0.3)
        self.light = (right, down, (1 - right * right - down * down).clamp(min=0.05).sqrt())

    def cover(self, distance: Tensor, *, blur: float = 0.0) -> Tensor:
        """Share of each pixel inside the shape; `blur` (in picture units) softens the edge further."""
        return (0.5 - distance / (2.5 / self.size + blur)).clamp_(0, 1)

    def paint(self, distance: Tensor, colour: Tensor, *, opacity: Number = 1.0, blur: float = 0.0) -> None:
        """Lay a colour, or a whole picture (3, B, S, S), over the inside of a shape."""
        self.image.lerp_(colour, self.cover(distance, blur=blur) * opacity)

    def darken(self, distance: Tensor, amount: Number, *, blur: float = 0.15) -> None:
        """A soft shadow: multiply the inside of a shape by 1 - amount."""
        self.image.mul_(1 - self.cover(distance, blur=blur) * amount)

    def sphere(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Light on the unit sphere at (x, y): the diffuse part in about [0.3, 1.1] and the highlight in [0, 1]."""
        height = (1 - x * x - y * y).clamp_(min=0).sqrt_()
        facing = (x * self.light[0] + y * self.light[1] + height * self.light[2]).clamp_(min=0)
        shine = facing * facing
        for _ in range(3):
            shine.mul_(shine)  # the 16th power in the end
        return facing.mul_(0.74).add_(0.36), shine


def develop(sheet: Sheet, dice: Dice) -> Tensor:
    """The photographs, (B, 3, S, S) uint8 in 6..249, which leaves room for a texture: light, colour cast, noise."""
    image, (x, y, _) = sheet.image, sheet.place
    contrast, gain = dice(0.88, 1.12), dice(0.86, 1.14) * dice.colour((0.92,) * 3, (1.08,) * 3)
    image.mul_(contrast * gain).add_(0.45 * (1 - contrast) * gain)
    vignette = dice.chance(0.4) * dice(0.05, 0.2)
    image.mul_((1 - vignette * x * x + dice(-0.1, 0.1) * x) + (dice(-0.1, 0.1) * y - vignette * y * y))
    for number, (down, across) in enumerate((dice.take(2) * BANK).long().tolist()):
        window = sensor_noise(sheet.size)[:, down : down + sheet.size, across : across + sheet.size]
        image[:, number].add_(window, alpha=0.012)
    return image.clamp_(0, 1).mul_(243).add_(6.5).to(torch.uint8).transpose(0, 1)
