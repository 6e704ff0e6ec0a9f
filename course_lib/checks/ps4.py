"""Problem set 4: objectives of the tasks."""

from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from course_lib.checks.asking import Ask, Inputs
from course_lib.checks.exercise import INDEPENDENT, SOUND, UNCHANGED, Exercise, Mistake, value
from course_lib.pixels import bicubic, nearest
from course_lib.tasks import fill_with_mean, mean_square, norm

SHAPES = ((3, 3, 8, 8), (1, 3, 6, 6), (4, 3, 8, 8))


def masks(count: int, size: int, *, generator: Generator) -> Tensor:
    """Holes (count, 1, size, size): 1 where the picture may change."""
    masks = torch.zeros(count, 1, size, size)
    for mask in masks:
        top, left = torch.randint(0, size // 2, (2,), generator=generator).tolist()
        mask[:, top : top + size // 3, left : left + size // 2] = 1
    return masks


def damage_cases(generator: Generator) -> Iterator[Inputs]:
    for shape in SHAPES:
        images = torch.rand(shape, generator=generator)
        yield {"images": images, "mask": masks(shape[0], shape[2], generator=generator)}


def filled(images: Tensor, mask: Tensor, colour: Tensor | float) -> Tensor:
    return images * (1 - mask) + colour * mask


def outside_mean(images: Tensor, mask: Tensor, over: tuple[int, ...]) -> Tensor:
    kept = (1 - mask).expand_as(images)
    return (images * kept).sum(over, keepdim=True) / kept.sum(over, keepdim=True)


FILL_HOLE = Exercise(
    "ps4.fill_hole",
    fill_with_mean,
    damage_cases,
    (SOUND, value("fills the hole with the mean colour around it", points=2.0), INDEPENDENT, UNCHANGED),
    (
        Mistake(
            lambda images, mask: filled(images, mask, images.mean((2, 3), keepdim=True)),
            "The mean seems to include the hole: only pixels outside count.",
        ),
        Mistake(
            lambda images, mask: filled(images, mask, outside_mean(images, mask, (1, 2, 3))),
            "All channels seem to share one grey: every channel has its own mean.",
        ),
        Mistake(
            lambda images, mask: filled(images, mask, outside_mean(images, mask, (0, 2, 3))),
            "One colour seems to serve the whole batch: every picture has its own.",
        ),
        Mistake(
            lambda images, mask: fill_with_mean(images, 1 - mask),
            "The mask seems to be the wrong way round: 1 is the hole.",
        ),
        Mistake(lambda images, mask: images * (1 - mask), "The hole seems to be black: fill it."),
    ),
    "notebook 05; section 3.2 of the paper",
    Ask(alone=("images", "mask")),
)


def inpainting_cases(generator: Generator) -> Iterator[Inputs]:
    for shape, weight in zip(SHAPES, (10.0, 100.0, 3.0), strict=True):
        damaged = torch.rand(shape, generator=generator)
        yield {
            "class_loss": torch.rand(shape[0], generator=generator),
            "images": (damaged + 0.3 * torch.randn(shape, generator=generator)).clamp(0, 1),
            "damaged": damaged,
            "mask": masks(shape[0], shape[2], generator=generator),
            "weight": weight,
        }


def inpainting(class_loss: Tensor, images: Tensor, damaged: Tensor, mask: Tensor, weight: float) -> Tensor:
    return class_loss + weight * mean_square((images - damaged) * (1 - mask))


INPAINTING_LOSS = Exercise(
    "ps4.inpainting_loss",
    inpainting,
    inpainting_cases,
    (SOUND, value("is equation 3 with a mean of squares", points=3.0), INDEPENDENT, UNCHANGED),
    (
        Mistake(
            lambda mask, **a: inpainting(mask=1 - mask, **a),
            "The mask seems to be the wrong way round: the penalty is for pixels outside the hole, where it is 0.",
        ),
        Mistake(
            lambda mask, **a: inpainting(mask=0 * mask, **a),
            "The mask seems to be ignored: inside the hole any change is free.",
        ),
        Mistake(
            lambda images, weight, **a: inpainting(images=images, weight=weight * images[0].numel(), **a),
            "The squares seem to be summed: take their mean, or the weight means something else.",
        ),
        Mistake(
            lambda class_loss, images, damaged, mask, weight: (
                class_loss + weight * norm((images - damaged) * (1 - mask))
            ),
            "This is the paper's un-squared norm: the exercise asks for the mean of squares of the authors' code.",
        ),
        Mistake(lambda **a: inpainting(**a | {"weight": 1.0}), "The weight seems to be missing."),
        Mistake(
            lambda weight, **a: inpainting(weight=-weight, **a),
            "The penalty seems to be subtracted: straying must cost something.",
        ),
        Mistake(
            lambda class_loss, **a: class_loss + inpainting(0 * class_loss, **a).mean(),
            "The mean seems to be over the whole batch: every picture has its own loss.",
        ),
    ),
    "notebook 05; equation 3",
    Ask(alone=("class_loss", "images", "damaged", "mask")),
)


def small_cases(generator: Generator) -> Iterator[Inputs]:
    for count, size, factor in ((2, 6, 2), (1, 8, 4), (3, 5, 3)):
        yield {"small": torch.rand(count, 3, size, size, generator=generator), "factor": factor}


def start_and_centre(small: Tensor, factor: int) -> Tensor:
    return torch.stack([bicubic(small, factor), nearest(small, factor)])


SUPERRESOLUTION_START = Exercise(
    "ps4.superresolution_start",
    start_and_centre,
    small_cases,
    (SOUND, value("starts bicubic and keeps the centre of equation 4", points=3.0), UNCHANGED),
    (
        Mistake(lambda small, factor: start_and_centre(small, factor).flip(0), "Start and centre seem to be swapped."),
        Mistake(
            lambda small, factor: torch.stack(2 * [nearest(small, factor)]),
            "The start seems to be the nearest-neighbour picture: bicubic is the better one.",
        ),
        Mistake(
            lambda small, factor: torch.stack(2 * [bicubic(small, factor)]),
            "The centre seems to be the bicubic picture: equation 4 has the nearest-neighbour one.",
        ),
        Mistake(
            lambda small, factor: torch.stack([bicubic(small, factor), small.repeat(1, 1, factor, factor)]),
            "The centre seems to be tiled: repeat every pixel (repeat_interleave), not the picture.",
        ),
        Mistake(
            lambda small, factor: torch.stack(
                [torch.nn.functional.interpolate(small, scale_factor=factor, mode="bicubic"), nearest(small, factor)]
            ),
            "The bicubic picture leaves [0, 1]: clamp it.",
        ),
    ),
    "notebook 07; equation 4",
)


def label_cases(generator: Generator) -> Iterator[Inputs]:
    for first, second, count in ((0, 1, 6), (7, 2, 9), (3, 4, 1)):
        sides = torch.randint(0, 2, (count,), generator=generator)
        yield {"labels": torch.where(sides == 0, first, second), "first": first, "second": second}


OTHER_DOMAIN = Exercise(
    "ps4.other_domain",
    lambda labels, first, second: first + second - labels,
    label_cases,
    (SOUND, value("is the other class of the pair", points=2.0), UNCHANGED),
    (
        Mistake(lambda labels, first, second: 1 - labels, "This flips 0 and 1: the pair may have other numbers."),
        Mistake(
            lambda labels, first, second: torch.full_like(labels, second),
            "Everything seems to become the second class: its own pictures become the first.",
        ),
        Mistake(lambda labels, first, second: labels, "The labels seem to stay: translation aims at the other class."),
    ),
    "notebook 06; section 3.3 of the paper",
)


def painting_cases(generator: Generator) -> Iterator[Inputs]:
    for shape, unit in zip(SHAPES, (2, 0, 4), strict=True):
        original = torch.rand(shape, generator=generator)
        yield {
            "features": torch.randn(shape[0], 5, generator=generator),
            "unit": unit,
            "images": (original + 0.3 * torch.randn(shape, generator=generator)).clamp(0, 1),
            "original": original,
            "mask": masks(shape[0], shape[2], generator=generator),
            "weight": 10.0,
        }


def painting(features: Tensor, unit: int, images: Tensor, original: Tensor, mask: Tensor, weight: float) -> Tensor:
    return -features[:, unit] + weight * mean_square((images - original) * (1 - mask))


PAINTING_LOSS = Exercise(
    "ps4.painting_loss",
    painting,
    painting_cases,
    (SOUND, value("is equation 5 with a mean of squares, as a loss", points=3.0), INDEPENDENT, UNCHANGED),
    (
        Mistake(
            lambda features, **rest: painting(-features, **rest),
            "The unit seems to be lowered: equation 5 is maximised, and a loss is its negative.",
        ),
        Mistake(
            lambda mask, **rest: painting(mask=1 - mask, **rest),
            "The mask seems to be the wrong way round: the penalty is for pixels outside it.",
        ),
        Mistake(
            lambda mask, **rest: painting(mask=torch.zeros_like(mask), **rest),
            "The mask seems to be ignored: inside it any change is free.",
        ),
        Mistake(
            lambda features, unit, **rest: painting(features.sum(1, keepdim=True), 0, **rest),
            "All units seem to be raised: take the one with number `unit`.",
        ),
        Mistake(
            lambda weight, **rest: painting(weight=-weight, **rest),
            "The penalty seems to be rewarded: in a loss it is added.",
        ),
        Mistake(
            lambda features, unit, **rest: painting(
                features[unit % len(features)].expand(len(features), -1), 0, **rest
            ),
            "The unit seems to be looked up along the batch: features are (pictures, units).",
        ),
    ),
    "notebook 09; equation 5",
    Ask(alone=("features", "images", "original", "mask")),
)

EXERCISES = (FILL_HOLE, INPAINTING_LOSS, SUPERRESOLUTION_START, OTHER_DOMAIN, PAINTING_LOSS)
