"""Church."""

import torch
from torch import Tensor

from course_lib.datasets.drawing import Dice, Place, Sheet, box, ellipse, intersection, limb, polygon, step, union
from course_lib.datasets.scenes.settings import BLACK, OUTDOORS, WHITE, palette, stage
from course_lib.datasets.scenes.trees import broadleaf_tree, conifer_tree

# Each row: wall, roof.
MASONRY = palette(
    "f4efe2 7a3428",
    "d8c8a8 5a3a30",
    "b8b4b0 44485a",
    "e8d0a0 8a4a2c",
    "c08870 3f3438",
    "f8f8f6 38506a",
    "d8a890 4a5a48",
    "8f8a88 2e2c34",
)


def church(sheet: Sheet, dice: Dice) -> None:
    """A nave, a tower with a pointed steeple and a cross, windows and a door; trees beside it."""
    stage(sheet, dice, OUTDOORS, horizon=dice(0.05, 0.5), relief=0.08, clouds=0.9)
    ground = dice(0.55, 0.8)
    rustle = dice.noise(1, cells=16)
    for side in (-1, 1):
        tree = sheet.place.at((side * dice(0.55, 0.95), ground + dice(-0.1, 0.08)), dice(0.4, 0.62))
        leaf = dice.colour((0.1, 0.22, 0.1), (0.4, 0.48, 0.24))
        conifer = dice.chance(0.5)
        there = dice.chance(0.6)
        conifer_tree(sheet, dice, tree, leaf=leaf, winter=False, there=there * conifer)
        broadleaf_tree(sheet, dice, tree, leaf=leaf, rustle=rustle, winter=False, there=there * (1 - conifer))
    wall, roof = dice.pick(MASONRY)
    place = sheet.place.at((dice(-0.4, -0.05), ground), dice(0.9, 1.15))
    sheet.darken(box(place, (0.3, 0.03), (0.7, 0.06)), 0.5)
    nave(sheet, dice, place, wall=wall, roof=roof)
    tower(sheet, dice, place, wall=wall, roof=roof)


def nave(sheet: Sheet, dice: Dice, place: Place, *, wall: Tensor, roof: Tensor) -> None:
    """The long house to the right of the tower, with a row of arched windows."""
    long, high = dice(0.55, 0.8), dice(0.3, 0.42)
    stones = 0.8 + 0.08 * dice.noise(1, cells=24)
    sheet.paint(box(place, (long / 2 + 0.1, -high / 2), (long / 2, high / 2)), wall * stones)
    top = -high - dice(0.22, 0.36)
    slope = polygon(place, (0.1, top), (long, top), (long + 0.18, -high + 0.03), (0.1, -high + 0.03))
    sheet.paint(slope, roof * (1 + 0.12 * torch.sin(40 * place.y)))
    glass = dice.colour((0.1, 0.1, 0.15), (0.35, 0.4, 0.55))
    for x in [0.1 + long * share * 0.98 - 0.02 for share in (0.45, 0.68, 0.91)]:
        sheet.paint(limb(place, (x, -0.14), (x, -high * 0.68), radius=0.045), glass)


def tower(sheet: Sheet, dice: Dice, place: Place, *, wall: Tensor, roof: Tensor) -> None:
    """The tower with its steeple, cross, clock or window, and door."""
    half, high, peak = dice(0.16, 0.22), dice(0.62, 0.85), dice(0.35, 0.6)
    stones = (1.0 + 0.08 * dice.noise(2, cells=12)) * (1 - 0.3 * step(place.x, 0.0, 0.2) * (0.5 - sheet.light[0]))
    sheet.paint(box(place, (0.0, -high / 2), (half, high / 2)), wall * stones)
    steeple = polygon(place, (0.0, -high - peak), (half + 0.06, -high), (-half - 0.06, -high))
    sheet.paint(steeple, roof * (1.15 - 0.5 * step(place.x, -0.05, 0.1)))
    metal, top = dice.colour((0.08,) * 3, (0.3,) * 3), -high - peak
    sheet.paint(
        union(box(place, (0.0, top - 0.06), (0.017, 0.11)), box(place, (0.0, top - 0.09), (0.06, 0.017))), metal
    )
    door = limb(place, (0.0, 0.0), (0.0, -0.16), radius=dice(0.065, 0.09))
    sheet.paint(intersection(door, place.y * place.scale), dice.colour((0.15, 0.08, 0.05), (0.45, 0.25, 0.15)))
    choice = dice.chance(0.5)
    sheet.paint(ellipse(place, (0.0, 0.12 - high), (0.075, 0.075)), WHITE * 0.92, opacity=choice)
    sheet.paint(ellipse(place, (0.0, 0.12 - high), (0.03, 0.03)), BLACK, opacity=choice)
    sheet.paint(limb(place, (0.0, -0.46), (0.0, 0.13 - high), radius=0.055), BLACK * 2, opacity=1 - choice)
