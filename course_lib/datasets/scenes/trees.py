"""Trees in leaf and in snow. A tree is about 2 high and grows up from the origin of its place."""

from torch import Tensor

from course_lib.datasets.drawing import Dice, Place, Sheet, box, ellipse, limb, melt, polygon, step, union
from course_lib.datasets.scenes.settings import WHITE


def broadleaf_tree(
    sheet: Sheet, dice: Dice, place: Place, *, leaf: Tensor, rustle: Tensor, winter: bool, there: Tensor
) -> None:
    """A trunk with a round crown, bare in winter; the tree is about 2 high and grows up from the origin."""
    bark = dice.colour((0.22, 0.15, 0.1), (0.36, 0.26, 0.2))
    lean, spread = dice(-0.1, 0.1), dice(0.8, 1.15)
    tree = limb(place, (0.0, 0.0), (lean, -1.0), radius=(0.09, 0.05))
    if winter:
        twigs = [
            limb(place, (lean * height, -height), (lean + side * reach * spread, -height - rise), radius=(0.045, 0.02))
            for side, height, reach, rise in (
                (-1, 0.7, 0.55, 0.55),
                (1, 0.75, 0.6, 0.5),
                (-1, 0.95, 0.35, 0.75),
                (1, 1.0, 0.25, 0.8),
            )
        ]
        sheet.paint(union(tree, *twigs), bark, opacity=there)
        return
    sheet.paint(tree, bark, opacity=there)
    crown = melt(
        ellipse(place, (lean - 0.25 * spread, -1.1), (0.42, 0.4)),
        ellipse(place, (lean + 0.22 * spread, -1.2), (0.45, 0.48)),
        width=0.1,
    )
    shade = 1 + 0.25 * rustle + 0.55 * step(place.y - sheet.light[0] * place.x, -0.8, -1.7)
    sheet.paint(crown + 0.05 * rustle, leaf * dice(0.8, 1.15) * shade, opacity=there)


def conifer_tree(sheet: Sheet, dice: Dice, place: Place, *, leaf: Tensor, winter: bool, there: Tensor) -> None:
    """Three tiers of dark branches, snow on each of them in winter."""
    tiers, snow = [], []
    width = dice(0.36, 0.52)
    for low, top, share in ((-0.15, -0.95, 1.0), (-0.65, -1.4, 0.78), (-1.1, -1.85, 0.55)):
        tiers.append(polygon(place, (0.0, top), (width * share, low), (-width * share, low)))
        snow.append(polygon(place, (0.0, top), (width * share * 0.72, low - 0.22), (-width * share * 0.72, low - 0.22)))
    needles = leaf * 0.75 * (1 + 0.25 * step(place.x, -0.2, 0.3))
    sheet.paint(union(*tiers, box(place, (0.0, -0.07), (0.06, 0.1))), needles, opacity=there)
    if winter:
        sheet.paint(union(*snow), WHITE * 0.96, opacity=there)
