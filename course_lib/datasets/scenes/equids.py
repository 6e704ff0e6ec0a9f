"""Horse and zebra: one animal, two coats."""

import torch
from torch import Tensor

from course_lib.datasets.drawing import Dice, Pair, Place, Sheet, ellipse, limb, melt, step, union
from course_lib.datasets.scenes.settings import BLACK, OUTDOORS, WHITE, palette, stage

# Each row: coat, mane and tail.
COATS = palette(
    "7a4a26 2a1a10", "8c4a20 1a1210", "26221f 141210", "a09a94 5e5a58",  # brown, bay, black, grey
    "a85428 b8682f", "d9a85c f0e4c8", "5e3520 3a2014", "c2854a 4f3018",  # chestnut, palomino, dark brown, dun
)  # fmt: skip
STRIPES = palette("f7f4ec 17151a", "f2e6d0 2b1c14", "ffffff 0f0f12", "e8e4e0 221e22")


def equid(sheet: Sheet, dice: Dice, *, striped: bool) -> None:
    """A zebra, or a horse in a plain coat, standing or walking, head high or grazing."""
    stage(sheet, dice, OUTDOORS, horizon=dice(-0.25, 0.45), relief=0.08, clouds=0.8)
    size, turn = dice(0.9, 1.3), dice(-0.12, 0.12)
    place = sheet.place.at((dice(-0.2, 0.12), dice(-0.05, 0.15)), size, angle=turn)
    sheet.darken(ellipse(place, (0.0, 0.68), (0.6, 0.08)), 0.5)
    poll = (dice(0.46, 0.62), dice(-0.62, -0.34))
    muzzle = (poll[0] + dice(0.2, 0.26), poll[1] + dice(0.14, 0.28))
    hide, hair, white = coat(dice, place, poll, striped=striped)
    lit = step(place.y, 0.45, -0.35) * 0.42 + 0.68 + 0.12 * sheet.light[0] * place.x
    far_legs, near_legs, hooves = legs(dice, place)
    tail = limb(place, (-0.46, -0.1), (-0.6, dice(0.2, 0.36)), radius=(0.035, 0.06))
    sheet.paint(far_legs, hide * (0.62 * lit))
    sheet.paint(union(tail, limb(place, (0.22, -0.24), (poll[0] - 0.07, poll[1] - 0.04), radius=0.075)), hair)
    sheet.paint(melt(body(dice, place, poll, muzzle), near_legs, width=0.06), hide * lit)
    sheet.paint(limb(place, (poll[0] + 0.07, poll[1] + 0.01), muzzle, radius=0.022), WHITE, opacity=white)
    sheet.paint(hooves, hair * 0.8)
    sheet.paint(ellipse(place, muzzle, (0.06, 0.05)), hair, opacity=0.55)
    sheet.paint(ellipse(place, (poll[0] + 0.06, poll[1] + 0.05), (0.022, 0.022)), BLACK)


def body(dice: Dice, place: Place, poll: Pair, muzzle: Pair) -> Tensor:
    """Barrel, rump, chest, neck, head and ears."""
    trunk = melt(
        ellipse(place, (-0.06, -0.01), (0.4, dice(0.19, 0.24))), ellipse(place, (-0.3, -0.05), (0.2, 0.2)), width=0.1
    )
    neck = limb(place, (0.22, -0.04), poll, radius=(0.19, 0.09))
    head = limb(place, poll, muzzle, radius=(0.095, 0.06))
    ears = limb(place, poll, (poll[0] - 0.02, poll[1] - 0.17), radius=(0.04, 0.012))
    return union(melt(trunk, neck, width=0.12), head, ears)


def legs(dice: Dice, place: Place) -> tuple[Tensor, Tensor, Tensor]:
    """Far legs, near legs, and the hooves of all four."""
    stride = dice(0.0, 0.16)
    pairs, hooves = [], []
    for side in (-1, 1):
        pair = []
        for hip, swing in ((-0.32, side), (0.24, -side)):
            hip = hip - 0.05 * side
            knee = (hip + stride * swing * 0.6 + dice(-0.02, 0.03), 0.36)
            hoof = (hip + stride * swing + dice(-0.03, 0.02), 0.64)
            pair += [limb(place, (hip, 0.06), knee, radius=(0.11, 0.055)), limb(place, knee, hoof, radius=(0.05, 0.04))]
            hooves.append(limb(place, (hoof[0], 0.65), (hoof[0] + 0.03, 0.68), radius=0.042))
        pairs.append(union(*pair))
    return pairs[0], pairs[1], union(*hooves)


def coat(dice: Dice, place: Place, poll: Pair, *, striped: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Hide (3, B, S, S), sometimes with white socks, colour of mane and tail, and the opacity of a blaze."""
    if not striped:
        hide, hair = dice.pick(COATS, jitter=0.05)
        socks = step(place.y, 0.4, 0.46) * dice.chance(0.3)
        return torch.lerp(hide * (1 + 0.12 * dice.noise(2)), WHITE * 0.92, socks), hair, dice.chance(0.35)
    light, dark = dice.pick(STRIPES, jitter=0.03)
    rate, wobble = dice(24, 34), dice.noise(1)
    bend = 0.5 * place.y * step(place.x, 0.1, -0.4)
    barrel = torch.sin(rate * (place.x - bend) + wobble + dice(0, 6.3))
    lean = (poll[0] - 0.22) * (place.x - 0.2) + (poll[1] + 0.04) * (place.y + 0.1)
    neck = torch.sin(rate * 1.6 * lean + wobble)
    rings = torch.sin(1.2 * rate * place.y + wobble)
    pattern = torch.lerp(
        torch.lerp(barrel, neck, step(place.x - 0.4 * place.y, 0.3, 0.42)), rings, step(place.y, 0.2, 0.3)
    )
    return torch.lerp(dark, light, step(pattern, dice(-0.4, -0.15), dice(0.1, 0.3))), dark, dark.new_zeros(1, 1, 1)
