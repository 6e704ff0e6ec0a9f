"""Summer and winter: one landscape, two seasons."""

import torch
from torch import Tensor

from course_lib.datasets.drawing import Dice, Sheet, box, ellipse, intersection, polygon, step
from course_lib.datasets.scenes.settings import WHITE, backdrop, palette
from course_lib.datasets.scenes.trees import broadleaf_tree, conifer_tree

# Each row: sky above, sky at the horizon, mountains, hills, meadow, foliage, water.
SUMMER = palette(
    "3f86e0 bfe0f7 5f7f92 5a9440 6fae38 2f6a20 4f94c8",  # blue day
    "78a0d8 f7e2b0 7f86a0 86a040 9cb444 4a7a24 9fb8c0",  # golden evening
    "9aa4ae c6ced2 6a7880 54803c 649a3c 2c5a24 8298a4",  # overcast
    "58a8e8 e6f0e0 7c9a80 70a848 88c048 3f8830 58b0c8",  # light green
    "8890c8 f4c8a8 786f90 6a8a3c 7c9c3c 3a6428 a09ab8",  # dawn
    "4a90dc e8eed8 6c8a7c a8a048 dcb850 3c7428 5c9cc0",  # wheat
    "84a4dc f0d8d8 7c80a0 7a9048 9478b0 4c7c34 88a0c4",  # lavender
)
WINTER = palette(
    "3f86e0 c6e2f7 a8b8cc d6e0ec f2f6fa 4a5a50 b8d2e4",  # blue day
    "c8ccd4 e6e6ea b0b8c4 d4dae2 eceff4 48524e c4ccd6",  # overcast
    "a8a0d0 f7cfc4 b0a8c4 dcd6e6 f4eef4 505058 d6cce0",  # pink
    "7898c0 f0ddb4 a4a8b8 d8d8dc f5f2ee 4e5448 c8ccd0",  # golden evening
    "6c7c98 b8c4d4 8c98ac bcc8da dce4f0 3a4650 98aac0",  # blue hour
)


def landscape(sheet: Sheet, dice: Dice, *, winter: bool) -> None:
    """Mountains, hills, sometimes a lake, a path, a cabin; broad-leaved trees and conifers; in leaf or under snow."""
    *sky, mountain, hill, meadow, leaf, water = dice.pick(WINTER if winter else SUMMER, jitter=0.04)
    place, horizon = sheet.place, dice(-0.25, 0.15)
    backdrop(sheet, dice, sky, horizon=horizon, clouds=0.9)
    peaks = horizon - dice(0.05, 0.4) + dice(0.15, 0.4) * dice.ridge(4)
    grain = dice.noise(3, cells=8)
    rock = mountain * (1 + 0.2 * grain)
    snowline = step(place.y - peaks, 0.3 if winter else 0.16, 0.05) * (1.0 if winter else dice.chance(0.4))
    sheet.paint(peaks - place.y, torch.lerp(rock, WHITE * 0.97, snowline * 0.8))
    sheet.paint(horizon + 0.1 + 0.12 * dice.ridge(2) - place.y, hill * (1 + 0.12 * grain))
    front = horizon + 0.25 + 0.1 * dice.ridge(2, cells=3)
    blades = 1 + (0.03 if winter else 0.14) * grain
    sheet.paint(front - place.y, meadow * blades * (1 - 0.15 * step(place.y, 0.3, 1.0)))
    lake = ellipse(place, (dice(-0.8, 0.8), front + 0.2), (dice(0.3, 0.7), dice(0.06, 0.14)))
    sheet.paint(lake, water, opacity=dice.chance(0.4))
    path(sheet, dice, front, winter)
    sprinkle(sheet, dice, front, winter)
    cabin(sheet, dice, front, winter)
    for near in (0.0, 0.12, 0.3, 0.42):
        foot = (dice(-0.95, 0.95), horizon + 0.36 + near + dice(0, 0.1))
        tree = place.at(foot, dice(0.42, 0.6) * (1 + near))
        sheet.darken(ellipse(tree, (0.15, 0.0), (0.5, 0.08)), 0.3)
        conifer = dice.chance(0.45)
        broadleaf_tree(sheet, dice, tree, leaf=leaf, rustle=grain, winter=winter, there=1 - conifer)
        conifer_tree(sheet, dice, tree, leaf=leaf, winter=winter, there=conifer)


def path(sheet: Sheet, dice: Dice, front: Tensor, winter: bool) -> None:
    """Sometimes a winding path towards the hills."""
    depth = (sheet.place.y - front).clamp(min=0)
    middle = dice(-0.5, 0.5) + dice(-0.4, 0.4) * torch.sin(5 * depth + dice(0, 6))
    colour = (
        dice.colour((0.62, 0.66, 0.74), (0.74, 0.76, 0.82))
        if winter
        else dice.colour((0.6, 0.48, 0.3), (0.8, 0.7, 0.5))
    )
    distance = intersection((sheet.place.x - middle).abs() - 0.03 - 0.16 * depth, front + 0.03 - sheet.place.y)
    sheet.paint(distance, colour, opacity=0.8 * dice.chance(0.4), blur=0.02)


def sprinkle(sheet: Sheet, dice: Dice, front: Tensor, winter: bool) -> None:
    """Flowers in the grass, or blue hollows in the snow."""
    dots = step(dice.noise(1, cells=24), 0.62, 0.8) * step(sheet.place.y - front, 0.05, 0.2) * dice.chance(0.6)
    flowers, hollows = dice.colour((0.6, 0.2, 0.2), (1.0, 0.95, 0.9)), dice.colour((0.7, 0.76, 0.88), (0.8, 0.84, 0.94))
    sheet.image.lerp_(hollows if winter else flowers, dots)


def cabin(sheet: Sheet, dice: Dice, front: Tensor, winter: bool) -> None:
    """Sometimes a wooden cabin with one lit window."""
    there = dice.chance(0.35)
    place = sheet.place.at((dice(-0.7, 0.7), dice(0.12, 0.3) + front[..., :1]), dice(0.22, 0.34))
    wall, roof = dice.colour((0.3, 0.18, 0.1), (0.6, 0.4, 0.3)), dice.colour((0.3, 0.12, 0.1), (0.6, 0.3, 0.25))
    sheet.paint(box(place, (0.0, -0.35), (0.7, 0.4)), wall, opacity=there)
    gable = polygon(place, (-0.5, -1.25), (0.5, -1.25), (0.9, -0.65), (-0.9, -0.65))
    sheet.paint(gable, WHITE * 0.95 if winter else roof, opacity=there)
    sheet.paint(
        box(place, (-0.3, -0.35), (0.14, 0.14)),
        torch.tensor([1.0, 0.85, 0.45], dtype=torch.float32)[:, None, None, None],
        opacity=there,
    )
    sheet.paint(box(place, (0.3, -0.25), (0.13, 0.28)), wall * 0.45, opacity=there)
