"""Problem set 5: measuring."""

import torch
from torch import Generator, Tensor

from course_lib.checks.asking import Ask, Inputs
from course_lib.checks.exercise import Exercise, drawn
from course_lib.checks.ps4 import SHAPES, masks
from course_lib.checks.rules import MANNERS, mistakes, sound, unchanged, value
from course_lib.measuring.intervals import Z95


def repaired(generator: Generator, shape: tuple[int, ...]) -> Inputs:
    truth = torch.rand(shape, generator=generator)
    images = (truth + 0.2 * torch.randn(shape, generator=generator)).clamp(0, 1)
    return {"images": images, "truth": truth, "mask": masks(shape, generator=generator)}


def decibels(mean_square: Tensor) -> Tensor:
    return -10 * torch.log10(mean_square)


def within(images: Tensor, truth: Tensor, mask: Tensor, *, luma: tuple[float, ...] = (0.299, 0.587, 0.114)) -> Tensor:
    """The mean of squares, within the mask, of what is left of a difference where channels count by `luma`."""
    grey = ((images - truth) * torch.tensor(luma).view(3, 1, 1)).sum(1, keepdim=True)
    return (grey.square() * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3))


BRIGHTNESS_PSNR = Exercise(
    "ps5.brightness_psnr",
    lambda **a: decibels(within(**a)),
    drawn(repaired, *((shape,) for shape in SHAPES)),
    (sound, value("is the PSNR of the brightness within the mask", points=3.0), *MANNERS),
    mistakes(
        "This is the PSNR of the colours: weigh the channels first, then take the difference.",
        lambda images, truth, mask: decibels(
            ((images - truth).square() * mask).sum((1, 2, 3)) / (3 * mask.sum((1, 2, 3)))
        ),
        "The channels seem to count alike: the eye sees most of the brightness in green.",
        lambda **a: decibels(within(**a, luma=(1 / 3,) * 3)),
        "The mask seems to be ignored: only pixels where it is 1 count.",
        lambda mask, **a: decibels(within(mask=torch.ones_like(mask), **a)),
        "The squares seem to be divided by all pixels: divide by those within the mask.",
        lambda images, truth, mask: decibels(within(images, truth, mask) * mask.flatten(1).mean(1)),
        "This is the natural logarithm: decibels have log10.",
        lambda **a: -10 * torch.log(within(**a)),
        "The sign is turned: fewer errors mean more decibels.",
        lambda **a: -decibels(within(**a)),
        "A square root too many: 10 log10 is of the mean of squares.",
        lambda **a: decibels(within(**a).sqrt()),
    ),
    "notebooks 05 and 07; course_lib.measuring.scores.psnr",
    Ask(alone=("images", "truth", "mask")),
)


def entropy(p: Tensor) -> Tensor:
    return -(p * p.log()).sum(-1)


def variety_and_doubt(probabilities: Tensor) -> Tensor:
    return torch.stack([entropy(probabilities.mean(0)), entropy(probabilities).mean()]).exp()


def judged(generator: Generator, count: int, classes: int, sharp: float) -> Inputs:
    return {"probabilities": (sharp * torch.randn(count, classes, generator=generator)).softmax(1).clamp(min=1e-6)}


VARIETY_AND_DOUBT = Exercise(
    "ps5.variety_and_doubt",
    variety_and_doubt,
    drawn(judged, (40, 5, 3.0), (10, 10, 1.0), (60, 3, 8.0)),
    (sound, value("says how many classes occur, and how many each picture leaves open", points=3.0), unchanged),
    mistakes(
        "The exponential seems to be missing.",
        lambda probabilities: variety_and_doubt(probabilities).log(),
        "The two numbers seem to be swapped.",
        lambda probabilities: variety_and_doubt(probabilities).flip(0),
        "The sign of the entropy seems to be turned: logarithms of probabilities are negative.",
        lambda probabilities: 1 / variety_and_doubt(probabilities),
        "The exponential comes last: exp of the mean, not the mean of exp.",
        lambda probabilities: torch.stack([entropy(probabilities.mean(0)).exp(), entropy(probabilities).exp().mean()]),
        "Both numbers seem to be the doubt of single pictures: for the variety, average the probabilities first.",
        lambda probabilities: variety_and_doubt(probabilities)[[1, 1]],
        "This mixes log2 with exp: take the natural logarithm.",
        lambda probabilities: variety_and_doubt(probabilities).log2().exp(),
    ),
    "notebook 10; course_lib.measuring.scores",
)


def twice(generator: Generator, count: int, share: float) -> Inputs:
    """Hits of two models on the same pictures: they agree on most."""
    first = torch.rand(count, generator=generator) < share
    second = first ^ (torch.rand(count, generator=generator) < 0.2)
    second[:5], first[:5] = torch.tensor([0, 0, 0, 1, 1]).bool(), torch.tensor([1, 1, 1, 0, 1]).bool()
    return {"first": first, "second": second}


def difference(first: Tensor, second: Tensor, *, z: float = Z95, correction: int = 0, power: float = 0.5) -> Tensor:
    gaps = first.float() - second.float()
    half = z * gaps.std(correction=correction) / len(gaps) ** power
    return torch.stack([gaps.mean(), gaps.mean() - half, gaps.mean() + half])


def unpaired(first: Tensor, second: Tensor) -> Tensor:
    shares = [hits.float().mean() for hits in (first, second)]
    half = Z95 * sum((p * (1 - p) / len(first) for p in shares), torch.zeros(())).sqrt()
    return torch.stack([shares[0] - shares[1], shares[0] - shares[1] - half, shares[0] - shares[1] + half])


DIFFERENCE = Exercise(
    "ps5.difference",
    difference,
    drawn(twice, (50, 0.8), (200, 0.5), (24, 0.9)),
    (sound, value("is the paired difference with its interval", points=3.0), unchanged),
    mistakes(
        "The two shares seem to be treated as if each had pictures of its own: take differences first.",
        unpaired,
        "z seems to be 1: for 95% it is 1.96.",
        lambda **a: difference(**a, z=1.0),
        "This is how far single pictures lie apart: a mean of N is more certain, by the square root of N.",
        lambda **a: difference(**a, power=0.0),
        "The error seems to shrink with N: it shrinks with the square root of N.",
        lambda **a: difference(**a, power=1.0),
        "The sign is turned: the first model minus the second.",
        lambda first, second: difference(first=second, second=first),
        "These are percentages: a share is a number up to 1.",
        lambda **a: 100 * difference(**a),
    ),
    "notebook 10; course_lib.measuring.intervals",
)

EXERCISES = (BRIGHTNESS_PSNR, VARIETY_AND_DOUBT, DIFFERENCE)
