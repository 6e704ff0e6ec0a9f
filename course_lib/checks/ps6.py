"""Problem set 6, a bug hunt: six programs that run; some of them have a defect."""

from functools import partial

import torch
from torch import Generator, Tensor

from course_lib.checks.asking import Ask, Inputs
from course_lib.checks.exercise import Exercise, drawn
from course_lib.checks.ps1 import along, entropy, labelled, pgd, pictures
from course_lib.checks.ps3 import members
from course_lib.checks.ps4 import SHAPES, filled, masks
from course_lib.checks.rules import MANNERS, box, inside, mistakes, sound, unchanged, value
from course_lib.constraints import L2Ball


def normalised(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return (images - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)


ANSWERS = Exercise(
    "ps6.answers",
    lambda model, images, mean, std: model(normalised(images, mean, std)),
    drawn(
        lambda generator, count: {
            "weights": torch.randn(4, 105, generator=generator),
            "images": torch.rand(count, 3, 5, 7, generator=generator),
            "mean": torch.rand(3, generator=generator),
            "std": 0.2 + 0.2 * torch.rand(3, generator=generator),
        },
        (3,),
        (1,),
    ),
    (sound, value("gives the network what it was trained on", points=2.0), *MANNERS),
    mistakes(
        "Mean and deviation are still taken out twice.",
        lambda model, images, mean, std: model(normalised(normalised(images, mean, std), mean, std)),
        "Nothing is taken out any more: the network needs it once.",
        lambda model, images, **_: model(images),
        "The standard deviation is missing.",
        lambda model, images, mean, std: model(images - mean.view(-1, 1, 1)),
        "This undoes a normalisation instead of doing one.",
        lambda model, images, mean, std: model(images * std.view(-1, 1, 1) + mean.view(-1, 1, 1)),
    ),
    "course_lib.models.Classifier: normalisation lives inside the model",
    Ask(alone=("images",), model=True),
)


def noisy_fill(images: Tensor, mask: Tensor, noise: Tensor, *, known: bool = True, over: tuple[int, ...] = (2, 3)):  # type: ignore[no-untyped-def]
    """Mean and deviation of what is `known` (or of all), and a hole of that colour with that much noise."""
    where = ((1 - mask) if known else torch.ones_like(mask)).expand_as(images)
    mean = (images * where).sum(over, keepdim=True) / where.sum(over, keepdim=True)
    square = ((images - mean).square() * where).sum(over, keepdim=True) / where.sum(over, keepdim=True)
    return filled(images, mask, mean + square.sqrt() * noise)


FILL = Exercise(
    "ps6.fill",
    noisy_fill,
    drawn(
        lambda generator, *shape: {
            "images": torch.rand(shape, generator=generator),
            "mask": masks(shape, generator=generator),
            "noise": 0.3 * torch.randn(shape, generator=generator),
        },
        *SHAPES,
    ),
    (sound, value("fills the hole from what may be known", points=2.0), *MANNERS),
    mistakes(
        "Mean and deviation still contain hidden pixels: the truth leaks into the start.",
        partial(noisy_fill, known=False),
        "The hidden pixels count as black now: the sum leaves them out, the division does not.",
        lambda images, mask, noise: noisy_fill(images * (1 - mask), mask, noise, known=False),
        "All channels share one grey now: every channel has statistics of its own.",
        partial(noisy_fill, over=(1, 2, 3)),
        "The noise is gone: it was no defect.",
        lambda images, mask, noise: noisy_fill(images, mask, 0 * noise),
    ),
    "notebook 05; course_lib.tasks.fill_with_mean",
    Ask(alone=("images", "mask", "noise")),
)


def hardly_moved(generator: Generator, shape: tuple[int, ...]) -> Inputs:
    original = torch.rand(shape, generator=generator)
    return {
        "class_loss": torch.rand(shape[0], generator=generator),
        "images": original + 0.01 * torch.randn(shape, generator=generator),
        "original": original,
        "mask": masks(shape, generator=generator),
    }


def total(class_loss: Tensor, images: Tensor, original: Tensor, mask: Tensor, weight: float = 1e9) -> Tensor:
    return class_loss + weight * ((images - original) * (1 - mask)).square().flatten(1).mean(1)


OBJECTIVE = Exercise(
    "ps6.objective",
    total,
    drawn(hardly_moved, *((shape,) for shape in SHAPES)),
    (sound, value("weighs the penalty as the comment says", points=2.0), *MANNERS),
    mistakes(
        "The weight is still 90: `10*9` is a product.",
        partial(total, weight=90.0),
        "The weight is ten billion: 10e9 is 10 times 10**9.",
        partial(total, weight=1e10),
        "The mask was right: the penalty is for pixels outside the hole.",
        lambda mask, **a: total(mask=1 - mask, **a),
        "The squares are summed now: their mean was right.",
        lambda class_loss, images, original, mask: (
            class_loss + 1e9 * ((images - original) * (1 - mask)).square().sum((1, 2, 3))
        ),
    ),
    "notebook 05, the weight of the penalty",
    Ask(alone=("class_loss", "images", "original", "mask")),
)


signed = partial(pgd, direction=torch.sign)


def projected_first(start, radius, steps, **rest):  # type: ignore[no-untyped-def]
    """The two in the wrong order: what a step leaves outside of the ball is projected before the next one."""
    images = start
    for _ in range(steps):
        begin = start + L2Ball(radius).project(images - start)
        images = signed(start=start, begin=begin, radius=radius, steps=1, projected=False, **rest)
    return images


WALK = Exercise(
    "ps6.walk",
    signed,
    drawn(pictures, (3, 0.5, 3, 0.1, 1.0), (1, 0.5, 1, 0.1, 1e-3), (2, 0.5, 0, 0.1, 1.0)),
    (sound, inside("ends in the ball around the start"), box, value("takes the steps that were meant"), *MANNERS),
    mistakes(
        "The projection still comes before the step: the last step of all is never projected.",
        projected_first,
        "The ball's centre moves along now: it is the start.",
        partial(signed, centred=False),
        "The step has L2 length now: the step by the sign was no defect.",
        pgd,
        "The direction is turned now: towards a target the loss falls.",
        partial(signed, uphill=True),
    ),
    "course_lib.pgd.step",
    Ask(alone=("start", "target"), model=True),
)


def slope(model, images: Tensor, labels: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
    images = images.clone().requires_grad_()
    return torch.autograd.grad(entropy(model(images), labels).sum(), images)[0]


DIRECTIONS = Exercise(
    "ps6.directions",
    lambda **a: -along(slope(**a)),
    drawn(labelled, (4,), (1,), (2, 1e-4)),
    (sound, value("is each picture's own direction, of length 1", points=2.0), *MANNERS),
    mistakes(
        "The lengths are the gradients' own now: the division by them was right.",
        lambda **a: -slope(**a),
        "The directions grow with the batch now: their length was 1 already.",
        lambda **a: -len(a["images"]) * along(slope(**a)),
        "All pictures share one length now: each had its own.",
        lambda **a: -slope(**a) / slope(**a).norm(),
        "The sign is turned now: the loss rises this way.",
        lambda **a: along(slope(**a)),
    ),
    "course_lib.pgd.value_and_gradient",
    Ask(alone=("images", "labels"), model=True),
)


def starts(images: Tensor, z: Tensor, *, centred: bool = True, scale: float = 0.5) -> Tensor:
    mean = images.mean(0)
    change = z @ (images - mean if centred else images).flatten(1) / len(images) ** scale
    return (mean + change.view(-1, *mean.shape)).clamp(0, 1)


def mixable(generator: Generator, count: int, starts: int) -> Inputs:
    return {"images": members(generator, count), "z": 0.5 * torch.randn(starts, count, generator=generator)}


STARTS = Exercise(
    "ps6.starts",
    starts,
    drawn(mixable, (20, 4), (5, 1), (30, 6)),
    (sound, value("has the mean and the covariance of the pictures", points=2.0), unchanged),
    mistakes(
        "Nothing is centred any more: one of the two, numbers or pictures, has to be.",
        partial(starts, centred=False),
        "The deviations are too small now: the square root was right.",
        partial(starts, scale=1.0),
        "The deviations are too large now: the division was right.",
        partial(starts, scale=0.0),
    ),
    "notebook 03; course_lib.seeds.MultivariateNormal",
)

EXERCISES = (ANSWERS, FILL, OBJECTIVE, WALK, DIRECTIONS, STARTS)
