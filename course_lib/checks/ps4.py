"""Problem set 4: objectives of the tasks."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_lib.checks.asking import Ask, Inputs
from course_lib.checks.exercise import Exercise, between, drawn
from course_lib.checks.rules import MANNERS, mistakes, sound, unchanged, value
from course_lib.constraints import L2Ball
from course_lib.pixels import bicubic, nearest

SHAPES = ((3, 3, 8, 10), (1, 3, 6, 6), (4, 3, 10, 8))
BATCH = "The mean seems to be over the whole batch: every picture has its own loss."


def masks(shape: tuple[int, ...], *, generator: Generator) -> Tensor:
    """Holes (B, 1, H, W): 1 where the picture may change."""
    count, _, height, width = shape
    masks = torch.zeros(count, 1, height, width)
    for mask in masks:
        top, left = torch.randint(0, min(height, width) // 2, (2,), generator=generator).tolist()
        mask[:, top : top + between(1, height // 2, generator), left : left + between(2, width // 2, generator)] = 1
    return masks


def filled(images: Tensor, mask: Tensor, colour: Tensor | float) -> Tensor:
    return images * (1 - mask) + colour * mask


def grown(mask: Tensor, width: int) -> Tensor:
    return F.max_pool2d(mask, 2 * width + 1, 1, width)


def colour_of(images: Tensor, where: Tensor, over: tuple[int, ...] = (2, 3)) -> Tensor:
    return (images * where).sum(over, keepdim=True) / where.expand_as(images).sum(over, keepdim=True)


def from_rim(images: Tensor, mask: Tensor, width: int, *, over: tuple[int, ...] = (2, 3)) -> Tensor:
    return filled(images, mask, colour_of(images, grown(mask, width) - mask, over))


def damaged(generator: Generator, shape: tuple[int, ...], width: int) -> Inputs:
    images = torch.rand(shape, generator=generator)
    return {"images": images, "mask": masks(shape, generator=generator), "width": width}


FILL_FROM_RIM = Exercise(
    "ps4.fill_from_rim",
    from_rim,
    drawn(damaged, *zip(SHAPES, (2, 1, 3), strict=True)),
    (sound, value("fills the hole with the mean colour of its rim", points=2.0), *MANNERS),
    mistakes(
        "The mean seems to include the hole: only pixels outside count.",
        lambda images, mask, width: filled(images, mask, colour_of(images, grown(mask, width))),
        "All pixels outside seem to count: only those at most `width` away do.",
        lambda images, mask, width: filled(images, mask, colour_of(images, 1 - mask)),
        "The rim seems to be one pixel wide, whatever `width` is.",
        lambda width, **a: from_rim(width=1, **a),
        "All channels seem to share one grey: every channel has its own mean.",
        partial(from_rim, over=(1, 2, 3)),
        "One colour seems to serve the whole batch: every picture has its own.",
        partial(from_rim, over=(0, 2, 3)),
        "The whole picture seems to get the colour: outside the hole it stays as it is.",
        lambda images, mask, width: colour_of(images, grown(mask, width) - mask).expand_as(images),
    ),
    "notebook 05; section 3.2 of the paper",
    Ask(alone=("images", "mask")),
)


def damage(generator: Generator, shape: tuple[int, ...], weight: float) -> Inputs:
    damaged = torch.rand(shape, generator=generator)
    soft = 0.2 + 0.7 * torch.rand((), generator=generator).item()
    return {
        "class_loss": torch.rand(shape[0], generator=generator),
        "images": (damaged + 0.3 * torch.randn(shape, generator=generator)).clamp(0, 1),
        "damaged": damaged,
        "mask": (masks(shape, generator=generator) + soft * masks(shape, generator=generator)).clamp(max=1),
        "weight": weight,
    }


def stray(images: Tensor, damaged: Tensor, kept: Tensor, *, over: tuple[int, ...] = (1, 2, 3)) -> Tensor:
    """The mean of squares, weighted by how much each pixel is to be kept."""
    return ((images - damaged).square() * kept).sum(over) / kept.expand_as(images).sum(over)


def inpainting(class_loss, images, damaged, mask, weight, *, penalty=stray):  # type: ignore[no-untyped-def]
    return class_loss + weight * penalty(images, damaged, 1 - mask)


INPAINTING_LOSS = Exercise(
    "ps4.inpainting_loss",
    inpainting,
    drawn(damage, *zip(SHAPES, (10.0, 100.0, 3.0), strict=True)),
    (sound, value("is equation 3 with a weighted mean", points=3.0), *MANNERS),
    mistakes(
        "This is the loss of the lecture: its mean is over all values, and its mask is squared.",
        lambda **a: inpainting(**a, penalty=lambda x, y, kept: ((x - y) * kept).square().mean((1, 2, 3))),
        "The mean seems to be over all values: divide by the weights of the pixels instead.",
        lambda **a: inpainting(**a, penalty=lambda x, y, kept: ((x - y).square() * kept).mean((1, 2, 3))),
        "The three channels seem to be missing in the division: the mask counts for each of them.",
        lambda **a: inpainting(**a, penalty=lambda x, y, kept: 3 * stray(x, y, kept)),
        "The mask seems to be the wrong way round: the penalty is for pixels outside the hole, where it is 0.",
        lambda mask, **a: inpainting(mask=1 - mask, **a),
        "The mask seems to be made hard: between 0 and 1 a pixel counts in part.",
        lambda mask, **a: inpainting(mask=(mask > 0).float(), **a),
        "The penalty seems to be subtracted: straying must cost something.",
        lambda weight, **a: inpainting(weight=-weight, **a),
        BATCH,
        partial(inpainting, penalty=partial(stray, over=(0, 1, 2, 3))),
    ),
    "notebook 05; equation 3",
    Ask(alone=("class_loss", "images", "damaged", "mask")),
)


def start_and_centre(small: Tensor, factor: int, radius: float, *, smooth: Tensor | None = None) -> Tensor:
    centre, begin = nearest(small, factor), bicubic(small, factor) if smooth is None else smooth
    return torch.stack([centre + L2Ball(radius).project(begin - centre), centre])


def shrunk(generator: Generator, count: int, height: int, factor: int, radius: float) -> Inputs:
    small = torch.rand(count, 3, height, between(5, 7, generator), generator=generator)
    return {"small": small, "factor": factor, "radius": radius}


SUPERRESOLUTION_START = Exercise(
    "ps4.superresolution_start",
    start_and_centre,
    drawn(shrunk, (2, 6, 2, 0.8), (1, 8, 4, 100.0), (3, 5, 3, 2.0)),
    (sound, value("starts smooth, within the ball around the centre of equation 4", points=3.0), unchanged),
    mistakes(
        "Start and centre seem to be swapped.",
        lambda **a: start_and_centre(**a).flip(0),
        "The start seems to lie outside the ball: pull it back first.",
        lambda small, factor, radius: torch.stack([bicubic(small, factor), nearest(small, factor)]),
        "The start seems to be the nearest-neighbour picture: bicubic is the better one.",
        lambda small, factor, radius: torch.stack(2 * [nearest(small, factor)]),
        "The centre seems to be the bicubic picture: equation 4 has the nearest-neighbour one.",
        lambda small, factor, radius: torch.stack(2 * [bicubic(small, factor)]),
        "The bicubic picture leaves [0, 1]: clamp it first.",
        lambda small, factor, radius: start_and_centre(
            small, factor, radius, smooth=F.interpolate(small, scale_factor=factor, mode="bicubic")
        ),
    ),
    "notebook 07; equation 4",
)


def paired(generator: Generator, pairs: list[list[int]], count: int) -> Inputs:
    """Labels of pairs, and of classes that belong to none."""
    labels = torch.randint(0, 14, (count,), generator=generator)
    labels[:3] = torch.tensor([*pairs[0], 8])
    return {"labels": labels, "pairs": torch.tensor(pairs)}


def relabelled(labels: Tensor, old: Tensor, new: Tensor) -> Tensor:
    """Labels of which each of the `old` becomes the `new` in the same place."""
    return torch.arange(14).scatter(0, old.flatten(), new.flatten())[labels]


OTHER_DOMAIN = Exercise(
    "ps4.other_domain",
    lambda labels, pairs: relabelled(labels, pairs, pairs.flip(1)),
    drawn(paired, ([[0, 1], [2, 3]], 12), ([[7, 2], [0, 5], [4, 3]], 20), ([[3, 4]], 6)),
    (sound, value("is the other class of each pair", points=2.0), unchanged),
    mistakes(
        "What was changed seems to be changed back: ask the old labels, and write the new ones elsewhere.",
        lambda labels, pairs: relabelled(labels, pairs, pairs[:, [0, 0]]),
        "Only one way seems to be covered: the second class of a pair becomes the first.",
        lambda labels, pairs: relabelled(labels, pairs[:, 0], pairs[:, 1]),
        "Only the first pair seems to count: each of them does.",
        lambda labels, pairs: relabelled(labels, pairs[:1], pairs[:1].flip(1)),
        "Every label seems to be changed, and by the first pair: labels of no pair stay.",
        lambda labels, pairs: pairs[0].sum() - labels,
    ),
    "notebook 06; section 3.3 of the paper",
)


def moved(generator: Generator, count: int, unit: int, weight: float) -> Inputs:
    before = torch.rand(count, between(5, 9, generator), generator=generator)
    features = before + 0.5 * torch.randn(before.shape, generator=generator)
    return {"features": features, "before": before, "unit": unit, "weight": weight}


def painting(features: Tensor, before: Tensor, unit: int, weight: float) -> Tensor:
    others = torch.arange(features.shape[1]) != unit
    return -features[:, unit] + weight * (features - before)[:, others].square().mean(1)


PAINTING_LOSS = Exercise(
    "ps4.painting_loss",
    painting,
    drawn(moved, (3, 2, 10.0), (1, 0, 0.5), (5, 4, 100.0)),
    (sound, value("raises one unit and holds the others", points=3.0), *MANNERS),
    mistakes(
        "The unit seems to be lowered: to raise it, a loss has its negative.",
        lambda features, before, unit, weight: painting(features, before, unit, weight) + 2 * features[:, unit],
        "The unit itself seems to be held as well: only the others are.",
        lambda features, before, unit, weight: -features[:, unit] + weight * (features - before).square().mean(1),
        "The change of the others seems to be rewarded: in a loss it is added.",
        lambda weight, **rest: painting(weight=-weight, **rest),
        "The squares seem to be divided by the number of all units: the mean is over the others.",
        lambda features, weight, **a: painting(features, weight=weight * (1 - 1 / features.shape[1]), **a),
        "The others seem to be pushed to 0: they are to stay where they were.",
        lambda before, **rest: painting(before=0 * before, **rest),
        BATCH,
        lambda features, before, unit, weight: (
            -features[:, unit] + (painting(features, before, unit, weight) + features[:, unit]).mean()
        ),
    ),
    "notebook 09; equation 5",
    Ask(alone=("features", "before")),
)

EXERCISES = (FILL_FROM_RIM, INPAINTING_LOSS, SUPERRESOLUTION_START, OTHER_DOMAIN, PAINTING_LOSS)
