"""Parachute."""

import math

import torch

from course_lib.datasets.drawing import Dice, Place, Sheet, ellipse, intersection, length, limb, step, union
from course_lib.datasets.scenes.settings import BLACK, OUTDOORS, palette, stage

CLOTH = palette(
    "d82028", "f07818", "f8cc20", "30a048", "1878c8", "2c3890", "8030a0", "e85090", "f6f4ee", "20a8a8", "303038"
)


def parachute(sheet: Sheet, dice: Dice) -> None:
    """A round canopy of coloured gores, its lines, and somebody hanging below; sometimes land far down."""
    stage(sheet, dice, OUTDOORS, horizon=dice(0.55, 1.6), relief=0.12, clouds=1.0)
    place = sheet.place.at((dice(-0.22, 0.22), dice(-0.32, -0.12)), dice(0.55, 0.76), angle=dice(-0.25, 0.25))
    dark = BLACK * dice(1, 4)
    figure = dice(0.95, 1.15)
    for hold in (-0.92, -0.46, 0.0, 0.46, 0.92):
        sheet.paint(limb(place, (hold, 0.0), (0.06 * hold, figure), radius=0.012), dark, opacity=0.8)
    canopy(sheet, dice, place)
    suit = dice.colour((0.05,) * 3, (0.5,) * 3)
    trunk = limb(place, (0.0, figure), (0.0, figure + 0.16), radius=0.075)
    arms = [limb(place, (0.0, figure), (0.14 * side, figure - 0.14), radius=0.03) for side in (-1, 1)]
    legs = [limb(place, (x, figure + 0.2), (1.8 * x, figure + 0.36), radius=0.04) for x in (-0.04, 0.04)]
    sheet.paint(union(trunk, *arms, *legs), suit)
    sheet.paint(ellipse(place, (0.0, figure - 0.08), (0.07, 0.07)), dice.colour((0.5, 0.35, 0.25), (0.95, 0.8, 0.7)))


def canopy(sheet: Sheet, dice: Dice, place: Place) -> None:
    """A half dome of radius 1 whose gores alternate between two or three colours."""
    x, y = place.x, place.y / dice(0.75, 1.0)
    gores = dice(3.0, 4.6)
    turn = torch.asin((x / (1.001 - 0.5 * (y + 0.0).clamp(-1, 0) ** 2).sqrt()).clamp(-1, 1)) * gores
    scallop = 0.1 * torch.cos(turn * math.pi / 2).abs()
    dome = intersection(length(x, y) - 1, y - 0.16 + scallop) * place.scale
    (first,), (second,), (third,) = (dice.pick(CLOTH) for _ in range(3))
    wave = torch.sin(turn * math.pi / 2 + dice(0, 6.3))
    cloth = torch.lerp(first, second, step(wave, -0.12, 0.12))
    band = step((y + dice(0.4, 0.7)).abs(), 0.18, 0.14) * dice.chance(0.5)
    cloth = torch.lerp(cloth, third, band)
    light, _ = sheet.sphere(x * 0.9, y * 0.9)
    sheet.paint(dome, cloth * (0.35 + 0.75 * light) * (1 - 0.18 * step(wave.abs(), 0.3, 0.0)))
