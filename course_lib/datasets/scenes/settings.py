"""Where the scenes take place: colours by the row, skies, walls and grounds."""

import torch
from torch import Tensor

from course_lib.datasets.drawing import Dice, Sheet, ellipse, step

WHITE, BLACK = (torch.full((3, 1, 1, 1), grey, dtype=torch.float32) for grey in (1.0, 0.07))


def palette(*rows: str) -> Tensor:
    """Rows of hexadecimal colours, "5a94e6 c0deF7 ..." -> (rows, colours, 3) in [0, 1]."""
    colours = [[[int(word[k : k + 2], 16) / 255 for k in (0, 2, 4)] for word in row.split()] for row in rows]
    return torch.tensor(colours, dtype=torch.float32)


# Each row: sky above, sky at the horizon, ground far away, ground nearby.
OUTDOORS = palette(
    "5a94e6 c0def7 74a040 487a24",  # meadow
    "73a6d9 eddbb3 ccad61 ad8742",  # savannah
    "8cade0 d9e6f2 ebf0f7 d1dbf2",  # snow
    "4d9ee0 b8e0f2 e6d19e d1b880",  # beach
    "403366 f28c59 57453f 332b2e",  # dusk
    "9ea8b0 ccd1d4 6b8047 4d6133",  # overcast
    "5990d9 e6d9bf d18547 b36b38",  # desert
    "6a7fa8 e9c6c0 8a8f96 656b78",  # rocky morning
)
INDOORS = palette(
    "e8dfcc d6c8ae a87848 7d5430",  # plaster and wood
    "4a6a80 5d8094 d9d2c4 bcb3a2",  # blue wall, linen
    "7d3038 93434a 59402e 3d2a1e",  # red wall, dark wood
    "c8d6c0 b3c6a8 f0ede6 d6d0c6",  # sage wall, white cloth
    "30343c 434852 7a8088 585d66",  # slate
    "efc9b0 e3b295 4f8590 35626e",  # apricot wall, teal cloth
    "8cc0dc bfe0ee 6f9c3e 4c7a28",  # a lawn
    "5c4a7a 75618f c9a04a a57c30",  # violet wall, yellow cloth
)


def backdrop(sheet: Sheet, dice: Dice, sky: list[Tensor], *, horizon: Tensor, clouds: float) -> None:
    """A vertical gradient from sky[0] down to sky[1] at the horizon, with clouds (or stains on a wall)."""
    sheet.image = torch.lerp(sky[0], sky[1], step(sheet.place.y, -1.0, horizon)).repeat(1, 1, 1, sheet.size)
    puffs = (dice.noise(3, cells=3) - dice(-0.1, 0.5)).clamp_(0, 1) * (clouds * dice(0, 1))
    sheet.image.lerp_(WHITE, puffs)


def stage(sheet: Sheet, dice: Dice, settings: Tensor, *, horizon: Tensor, relief: float, clouds: float) -> Tensor:
    """A backdrop and a ground to stand on, with blurred distant things where they meet; returns the ground's colour."""
    *sky, far, near = dice.pick(settings if dice.background is None else settings[[dice.background]])
    backdrop(sheet, dice, sky, horizon=horizon, clouds=clouds)
    skyline = horizon + relief * dice.ridge() + dice(-0.08, 0.08) * sheet.place.x
    for _ in range(3):
        centre, radii = (dice(-1.1, 1.1), horizon - dice(-0.02, 0.1)), (dice(0.08, 0.3), dice(0.06, 0.22))
        thing = torch.lerp(far, dice.colour((0.1,) * 3, (0.8,) * 3), 0.45)
        sheet.paint(ellipse(sheet.place, centre, radii), thing, opacity=0.75 * dice.chance(0.6), blur=0.08)
    grain = 1 + dice(0.05, 0.16) * dice.noise(3, cells=8)
    ground = torch.lerp(far, near, step(sheet.place.y, horizon, 1.2)) * grain
    sheet.paint(skyline - sheet.place.y, ground)
    return near
