"""Apple and orange: one still life, two kinds of fruit."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.datasets.drawing import Dice, Place, Sheet, bump, ellipse, length, limb, step
from course_lib.datasets.scenes.settings import INDOORS, palette, stage

# Each row: main colour, the blush on one side.
APPLES = palette(
    "b81c20 d83a2a",
    "8c1020 c02830",
    "9cbe38 b8cc50",
    "7aa828 a8c848",
    "d83028 e8c850",
    "c4cc58 c83c34",
    "c02028 8ab030",
)
ORANGES = palette("f88408 ffa020", "f87004 ff8c18", "fc9408 ffb028", "f06008 fa8018")


def still_life(sheet: Sheet, dice: Dice, *, fruit: Callable[..., None]) -> None:
    """A table before a wall; one large fruit, sometimes with one or two more behind it."""
    horizon = dice(-0.2, 0.35)
    near = stage(sheet, dice, INDOORS, horizon=horizon, relief=0.012, clouds=0.25)
    tablecloth(sheet, dice, near, horizon=horizon)
    side, grain = 1 - 2 * dice.chance(0.5), dice.noise(1, cells=24)
    for probability, x, y, small, big in (
        (0.25, -0.55, 0.0, 0.28, 0.38),
        (0.4, 0.5, 0.1, 0.3, 0.42),
        (1, -0.1, 0.22, 0.5, 0.68),
    ):
        there = dice.chance(probability)
        centre = (side * (x + dice(-0.12, 0.12)), y + dice(-0.12, 0.08))
        place = sheet.place.at(centre, dice(small, big), angle=dice(-0.25, 0.25))
        sheet.darken(ellipse(place, (0.1 - 0.4 * sheet.light[0], 0.9), (1.05, 0.28)), 0.6 * there, blur=0.2)
        fruit(sheet, dice, place, grain=grain, there=there)


def tablecloth(sheet: Sheet, dice: Dice, colour: Tensor, *, horizon: Tensor) -> None:
    """Sometimes a cloth with broad checks or bands, in perspective."""
    depth = 1 / (sheet.place.y - horizon + 0.45).clamp_(min=0.2)
    bands = step(torch.sin(dice(9, 16) * depth), -0.2, 0.2)
    columns = step(torch.sin(dice(5, 9) * sheet.place.x * depth), -0.2, 0.2)
    checks = (bands + columns * dice.chance(0.6)) * 0.5
    opacity = checks * dice(0.3, 0.8) * dice.chance(0.4)
    below = horizon + 0.06 - sheet.place.y
    sheet.paint(below, torch.lerp(colour, dice.colour((0.1,) * 3, (1.0,) * 3), 0.8), opacity=opacity)


def one_apple(sheet: Sheet, dice: Dice, place: Place, *, grain: Tensor, there: Tensor) -> None:
    """An apple of radius 1 at `place`, with a dimple, a stem, a leaf; red, green, yellow or two-tone."""
    x, y = place.x, place.y
    width = x * (1 + dice(0.08, 0.2) * y)  # slimmer below
    dimple = 0.3 * bump(x, 0.55) * step(y, 0.0, -0.6)
    foot = 0.1 * bump(x, 0.4) * step(y, 0.4, 0.9)
    edge = (length(width, y * 1.04) - 1 + dimple + foot) * place.scale
    main, blush = dice.pick(APPLES, jitter=0.04)
    side = step(x * dice(-1, 1) + y * dice(-1, 1) + 0.2 * grain, -0.35, 0.45)
    streaks = 1 + 0.05 * torch.sin(16 * x / (1.2 - 0.5 * y * y).clamp(min=0.4) + grain)
    light, shine = sheet.sphere(x * 0.95, y * 0.95)
    skin = torch.lerp(main, blush, side) * (streaks * light * (1 - 1.3 * dimple))
    sheet.paint(edge, skin + 0.6 * shine, opacity=there)
    tip = (dice(-0.12, 0.18), dice(-1.3, -1.12))
    sheet.paint(
        limb(place, (0.0, -0.66), tip, radius=(0.045, 0.07)),
        dice.colour((0.2, 0.12, 0.05), (0.4, 0.26, 0.12)),
        opacity=there,
    )
    leaf = place.at((0.4, -1.06), angle=dice(-0.7, 0.1))
    green = dice.colour((0.12, 0.36, 0.06), (0.34, 0.6, 0.2)) * (0.8 + 0.5 * step(leaf.y, -0.02, 0.02))
    sheet.paint(ellipse(leaf, (0.0, 0.0), (0.36, 0.16)), green, opacity=there * dice.chance(0.8))


def one_orange(sheet: Sheet, dice: Dice, place: Place, *, grain: Tensor, there: Tensor) -> None:
    """An orange of radius 1 at `place`, with pores and a small navel."""
    x, y = place.x, place.y
    main, glow = dice.pick(ORANGES, jitter=0.035)
    light, shine = sheet.sphere(x, y)
    skin = torch.lerp(main, glow, light) * (light * (1 + 0.1 * grain))
    sheet.paint((length(x, y * dice(1.0, 1.07)) - 1) * place.scale, skin + 0.35 * shine, opacity=there)
    navel = place.at((dice(-0.5, 0.5), dice(-0.75, -0.4)), 0.17)
    star = length(navel.x, navel.y) - 0.75 - 0.25 * torch.cos(5 * torch.atan2(navel.y, navel.x))
    sheet.paint(star * navel.scale, dice.colour((0.26, 0.3, 0.08), (0.42, 0.46, 0.16)), opacity=there)
