"""Golf ball."""

import math

import torch
from torch import Tensor

from course_lib.datasets.drawing import Dice, Place, Sheet, box, ellipse, length, polygon, step, union
from course_lib.datasets.scenes.settings import INDOORS, OUTDOORS, palette, stage

BALLS = palette("fbfbf8", "fbfbf8", "f2f2f4", "f8f080", "fcd0dc", "fcc8a0")


def golf_ball(sheet: Sheet, dice: Dice) -> None:
    """A dimpled ball on grass, sand or a table, on a tee, or in flight."""
    stage(sheet, dice, torch.cat([OUTDOORS, INDOORS]), horizon=dice(-0.3, 0.9), relief=0.04, clouds=0.8)
    place = sheet.place.at((dice(-0.28, 0.28), dice(-0.2, 0.2)), dice(0.5, 0.74))
    sheet.darken(ellipse(place, (-0.3 * sheet.light[0], 0.98), (0.95, 0.22)), 0.6 * dice.chance(0.8), blur=0.2)
    cup = polygon(place, (-0.28, 0.88), (0.28, 0.88), (0.06, 1.16), (-0.06, 1.16))
    tee = union(cup, box(place, (0.0, 1.6), (0.06, 0.5)))
    sheet.paint(tee, dice.colour((0.5, 0.2, 0.1), (1.0, 0.9, 0.8)), opacity=dice.chance(0.35))
    x, y = place.x, place.y
    light, shine = sheet.sphere(x, y)
    (skin,) = dice.pick(BALLS, jitter=0.03)
    sheet.paint((length(x, y) - 1) * place.scale, skin * (light * dimples(sheet, dice, place)) + 0.15 * shine)


def dimples(sheet: Sheet, dice: Dice, place: Place) -> Tensor:
    """Brightness of a hexagonal lattice of pits on a turned sphere, (B, S, S); walls that face the light are bright."""
    radius = length(place.x, place.y).clamp_(1e-3, 0.999)
    bulge = torch.asin(radius) / radius * dice(13.0, 17.0)
    origin, angle = (dice(0, 6.3), dice(0, 6.3)), dice(0, math.pi)
    pits = []
    for shift in (0.0, 0.9):
        lattice = Place(place.x * bulge + shift * sheet.light[0], place.y * bulge + shift * sheet.light[1])
        u, v, _ = lattice.at(origin, angle=angle)
        pits.append(torch.cos(u) + torch.cos(0.5 * u + 0.866 * v) + torch.cos(0.5 * u - 0.866 * v))
    depth, ahead = pits
    relief = 0.4 * step(depth, -0.2, 1.5) + 0.1 * (depth - ahead)
    return 1.06 - relief * step(radius, 1.0, 0.85)
