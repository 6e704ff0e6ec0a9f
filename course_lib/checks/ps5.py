"""Problem set 5: measuring."""

from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from course_lib.checks.asking import Ask, Inputs
from course_lib.checks.exercise import INDEPENDENT, SOUND, UNCHANGED, Exercise, Mistake, value
from course_lib.measuring.intervals import Z95

LUMA = (0.299, 0.587, 0.114)


def psnr_cases(generator: Generator) -> Iterator[Inputs]:
    for count, height, width in ((3, 8, 6), (1, 6, 9), (5, 5, 5)):
        truth = torch.rand(count, 3, height, width, generator=generator)
        mask = torch.zeros(count, 1, height, width)
        for number in range(count):
            mask[number, :, number % 3 : height // 2 + 1, 2:] = 1
        images = (truth + 0.2 * torch.randn(truth.shape, generator=generator)).clamp(0, 1)
        yield {"images": images, "truth": truth, "mask": mask}


def grey(images: Tensor) -> Tensor:
    return (images * torch.tensor(LUMA).view(3, 1, 1)).sum(1, keepdim=True)


def decibels(mean_square: Tensor) -> Tensor:
    return -10 * torch.log10(mean_square)


def within(images: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """The mean of squares of what is left of a difference by `grey`, within the mask."""
    return (grey(images - truth).square() * mask).flatten(1).sum(1) / mask.flatten(1).sum(1)


def coloured(images: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    return ((images - truth).square() * mask).flatten(1).sum(1) / (3 * mask.flatten(1).sum(1))


BRIGHTNESS_PSNR = Exercise(
    "ps5.brightness_psnr",
    lambda **a: decibels(within(**a)),
    psnr_cases,
    (SOUND, value("is the PSNR of the brightness within the mask", points=3.0), INDEPENDENT, UNCHANGED),
    (
        Mistake(
            lambda **a: decibels(coloured(**a)),
            "This is the PSNR of the colours: weigh the channels first, then take the difference.",
        ),
        Mistake(
            lambda images, truth, mask: decibels(
                ((images - truth).mean(1, keepdim=True).square() * mask).flatten(1).sum(1) / mask.flatten(1).sum(1)
            ),
            "The channels seem to count alike: the eye sees most of the brightness in green.",
        ),
        Mistake(
            lambda images, truth, mask: decibels(within(images, truth, torch.ones_like(mask))),
            "The mask seems to be ignored: only pixels where it is 1 count.",
        ),
        Mistake(
            lambda images, truth, mask: decibels(within(images, truth, mask) * mask.flatten(1).mean(1)),
            "The squares seem to be divided by all pixels: divide by those within the mask.",
        ),
        Mistake(lambda **a: -10 * torch.log(within(**a)), "This is the natural logarithm: decibels have log10."),
        Mistake(lambda **a: -decibels(within(**a)), "The sign is turned: fewer errors mean more decibels."),
        Mistake(
            lambda **a: decibels(within(**a).sqrt()),
            "A square root too many: 10 log10 is of the mean of squares.",
        ),
    ),
    "notebooks 05 and 07; course_lib.measuring.scores.psnr",
    Ask(alone=("images", "truth", "mask")),
)


def probability_cases(generator: Generator) -> Iterator[Inputs]:
    for count, classes, sharp in ((40, 5, 3.0), (10, 10, 1.0), (60, 3, 8.0)):
        logits = sharp * torch.randn(count, classes, generator=generator)
        yield {"probabilities": logits.softmax(1).clamp(min=1e-6)}


def entropy(p: Tensor) -> Tensor:
    return -(p * p.log()).sum(-1)


def variety_and_doubt(probabilities: Tensor) -> Tensor:
    return torch.stack([entropy(probabilities.mean(0)), entropy(probabilities).mean()]).exp()


VARIETY_AND_DOUBT = Exercise(
    "ps5.variety_and_doubt",
    variety_and_doubt,
    probability_cases,
    (SOUND, value("says how many classes occur, and how many each picture leaves open", points=3.0), UNCHANGED),
    (
        Mistake(lambda probabilities: variety_and_doubt(probabilities).log(), "The exponential seems to be missing."),
        Mistake(lambda probabilities: variety_and_doubt(probabilities).flip(0), "The two numbers seem to be swapped."),
        Mistake(
            lambda probabilities: 1 / variety_and_doubt(probabilities),
            "The sign of the entropy seems to be turned: logarithms of probabilities are negative.",
        ),
        Mistake(
            lambda probabilities: torch.stack(
                [entropy(probabilities.mean(0)).exp(), entropy(probabilities).exp().mean()]
            ),
            "The exponential comes last: exp of the mean, not the mean of exp.",
        ),
        Mistake(
            lambda probabilities: variety_and_doubt(probabilities)[[1, 1]],
            "Both numbers seem to be the doubt of single pictures: for the variety, average the probabilities first.",
        ),
        Mistake(
            lambda probabilities: variety_and_doubt(probabilities).log2().exp(),
            "This mixes log2 with exp: take the natural logarithm.",
        ),
    ),
    "notebook 10; course_lib.measuring.scores",
)


def pair_cases(generator: Generator) -> Iterator[Inputs]:
    """Hits of two models on the same pictures: they agree on most."""
    for count, share in ((50, 0.8), (200, 0.5), (24, 0.9)):
        first = torch.rand(count, generator=generator) < share
        second = first ^ (torch.rand(count, generator=generator) < 0.2)
        second[:5], first[:5] = torch.tensor([0, 0, 0, 1, 1]).bool(), torch.tensor([1, 1, 1, 0, 1]).bool()
        yield {"first": first, "second": second}


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
    pair_cases,
    (SOUND, value("is the paired difference with its interval", points=3.0), UNCHANGED),
    (
        Mistake(
            unpaired,
            "The two shares seem to be treated as if each had pictures of its own: take differences first.",
        ),
        Mistake(lambda **a: difference(**a, z=1.0), "z seems to be 1: for 95% it is 1.96."),
        Mistake(
            lambda **a: difference(**a, power=0.0),
            "This is how far single pictures lie apart: a mean of N is more certain, by the square root of N.",
        ),
        Mistake(
            lambda **a: difference(**a, power=1.0),
            "The error seems to shrink with N: it shrinks with the square root of N.",
        ),
        Mistake(
            lambda first, second: difference(first=second, second=first),
            "The sign is turned: the first model minus the second.",
        ),
        Mistake(lambda **a: 100 * difference(**a), "These are percentages: a share is a number up to 1."),
    ),
    "notebook 10; course_lib.measuring.intervals",
)

EXERCISES = (BRIGHTNESS_PSNR, VARIETY_AND_DOUBT, DIFFERENCE)
