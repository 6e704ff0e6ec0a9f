"""Goldfish, in a pond or in a bowl."""

import torch

from course_lib.datasets.drawing import Dice, Place, Sheet, ellipse, intersection, limb, melt, polygon, step, union
from course_lib.datasets.scenes.settings import BLACK, WHITE, backdrop, palette

# Each row: water above, water below.
WATER = palette(
    "2f8fc0 0f4a80", "3fb0a8 0f5a60", "4f9a60 17472f", "28507f 0c1a38",
    "9fd0dc 4f90a8", "c8dcd0 7fa89a", "7a8a6a 3a4630",
)  # fmt: skip
# Each row: body, patches, fins.
SCALES = palette(
    "f08018 f89830 f4a040", "e85a14 f07828 f08c48", "d03018 e04828 e87050", "f0b020 f8cc50 f8d878",
    "f4ece0 e05020 f0c8a8", "2a2830 48424a 3a363e", "f08818 f6f0e4 f8b060",
)  # fmt: skip


def goldfish(sheet: Sheet, dice: Dice) -> None:
    """A goldfish among water plants and bubbles, sometimes seen through a bowl."""
    backdrop(sheet, dice, dice.pick(WATER, jitter=0.08), horizon=dice.rolls.new_ones(1, 1, 1), clouds=0.4)
    gravel = dice.colour((0.3, 0.25, 0.2), (0.85, 0.75, 0.6)) * (1 + 0.35 * dice.noise(1, cells=28))
    sheet.paint(dice(0.7, 1.1) + 0.06 * dice.ridge() - sheet.place.y, gravel)
    plants(sheet, dice)
    side = 1 - 2 * dice.chance(0.5)
    place = sheet.place.at((dice(-0.15, 0.15), dice(-0.2, 0.2)), dice(0.95, 1.3), angle=dice(-0.45, 0.45))
    place = place._replace(x=place.x * side)
    fish(sheet, dice, place)
    for _ in range(4):
        bubble = sheet.place.at((dice(-0.9, 0.9), dice(-0.95, 0.6)), dice(0.04, 0.1))
        ring = ellipse(bubble, (0.0, 0.0), (1.0, 1.0)).abs() - 0.012
        sheet.paint(ring, WHITE, opacity=0.6 * dice.chance(0.6))
    bowl(sheet, dice)


def plants(sheet: Sheet, dice: Dice) -> None:
    """Waving weeds that grow from the bottom."""
    for _ in range(3):
        sway = dice(-0.95, 0.95) + 0.09 * torch.sin(dice(4, 7) * sheet.place.y + dice(0, 6))
        blade = (sheet.place.x - sway).abs() - dice(0.02, 0.06) * step(sheet.place.y, -0.8, 0.8)
        ribbon = intersection(blade, dice(-0.6, 0.4) - sheet.place.y)
        sheet.paint(ribbon, dice.colour((0.1, 0.3, 0.1), (0.4, 0.62, 0.25)), opacity=dice.chance(0.55))


def bowl(sheet: Sheet, dice: Dice) -> None:
    """Sometimes the round glass of a bowl and the room outside it."""
    there = dice.chance(0.3)
    glass = ellipse(sheet.place, (0.0, dice(-0.05, 0.1)), (dice(0.93, 1.02), dice(0.9, 1.0)))
    sheet.paint(-glass, dice.colour((0.15,) * 3, (0.85,) * 3), opacity=there)
    sheet.paint(glass.abs() - 0.025, WHITE, opacity=0.6 * there)


def fish(sheet: Sheet, dice: Dice, place: Place) -> None:
    """Body, tail, fins and eye; the fish looks to the right and is about 1.3 long."""
    hide, patch, fin = dice.pick(SCALES, jitter=0.04)
    x, y = place.x, place.y
    flick, height = dice(-0.08, 0.08), dice(0.25, 0.36)
    rays = 0.85 + 0.18 * torch.sin(26 * torch.atan2(y, x + 0.1))
    upper = polygon(place, (-0.25, -0.07), (-0.3, 0.07), (-0.78, -0.02 + flick), (-0.86, -0.42 + flick))
    lower = polygon(place, (-0.3, -0.07), (-0.25, 0.07), (-0.86, 0.42 + flick), (-0.78, 0.02 + flick))
    dorsal = ellipse(place.at((-0.02, -0.8 * height), angle=dice(0.05, 0.25)), (0.0, 0.0), (0.3, 0.19))
    belly = ellipse(place.at((-0.12, 0.85 * height), angle=dice(0.5, 0.9)), (0.0, 0.0), (0.09, 0.18))
    sheet.paint(union(upper, lower, dorsal, belly), fin * rays)
    trunk = melt(
        ellipse(place, (0.12, 0.0), (0.44, height)),
        limb(place, (0.0, 0.0), (-0.36, 0.0), radius=(0.2, 0.07)),
        width=0.1,
    )
    scales = 1 + 0.12 * torch.sin(22 * (x + y)) * torch.sin(22 * (x - y)) * step(x, 0.4, 0.25)
    lit = (1.12 - 0.55 * step(y, -0.1, 0.4)) * scales
    sheet.paint(trunk, torch.lerp(hide, patch, step(dice.noise(2, cells=3), 0.05, 0.25)) * lit)
    sheet.paint(ellipse(place, (0.02, 0.1), (0.13, 0.07)), fin * 0.85)
    gill = intersection(ellipse(place, (0.14, 0.0), (0.2, 0.22)).abs() - 0.01, (0.22 - x) * place.scale)
    sheet.paint(gill, hide * 0.55)
    sheet.paint(ellipse(place, (0.4, -0.07), (0.085, 0.085)), WHITE)
    sheet.paint(ellipse(place, (0.41, -0.07), (0.05, 0.05)), BLACK)
