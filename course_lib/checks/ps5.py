"""Problem set 5: measuring."""

import math
from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from course_lib.checks.asking import Ask, Inputs
from course_lib.checks.exercise import INDEPENDENT, SOUND, UNCHANGED, Exercise, Mistake, value
from course_lib.measuring.scores import psnr


def psnr_cases(generator: Generator) -> Iterator[Inputs]:
    for count, size in ((3, 8), (1, 6), (5, 5)):
        truth = torch.rand(count, 3, size, size, generator=generator)
        mask = torch.zeros(count, 1, size, size)
        mask[:, :, 1 : size // 2, 2:] = 1
        yield {
            "images": (truth + 0.2 * torch.randn(truth.shape, generator=generator)).clamp(0, 1),
            "truth": truth,
            "mask": mask,
        }


def decibels(mean_square: Tensor) -> Tensor:
    return -10 * torch.log10(mean_square)


def within(images: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """The mean of squares within the mask, over all channels."""
    return ((images - truth).square() * mask).flatten(1).sum(1) / (3 * mask.flatten(1).sum(1))


PSNR = Exercise(
    "ps5.psnr",
    psnr,
    psnr_cases,
    (SOUND, value("is the PSNR in dB within the mask", points=3.0), INDEPENDENT, UNCHANGED),
    (
        Mistake(
            lambda images, truth, mask: decibels((images - truth).square().flatten(1).mean(1)),
            "The mask seems to be ignored: only pixels where it is 1 count.",
        ),
        Mistake(
            lambda images, truth, mask: decibels(((images - truth) * mask).square().flatten(1).mean(1)),
            "The squares seem to be divided by all pixels: divide by those within the mask.",
        ),
        Mistake(
            lambda images, truth, mask: decibels(3 * within(images, truth, mask)),
            "The three channels seem to be missing in the division: the mask counts for each of them.",
        ),
        Mistake(lambda **a: -10 * torch.log(within(**a)), "This is the natural logarithm: decibels have log10."),
        Mistake(lambda **a: -torch.log10(within(**a)), "The factor 10 seems to be missing."),
        Mistake(lambda **a: 10 * torch.log10(within(**a)), "The sign is turned: fewer errors mean more decibels."),
        Mistake(lambda **a: decibels(within(**a).sqrt()), "A square root too many: 10 log10 of the mean of SQUARES."),
        Mistake(
            lambda **a: decibels(within(**a).mean()).expand(len(a["images"])),
            "The mean seems to be over the whole batch: every picture has its own PSNR.",
        ),
    ),
    "notebook 05 and 10; course_lib.pixels.psnr",
    Ask(alone=("images", "truth", "mask")),
)


def probability_cases(generator: Generator) -> Iterator[Inputs]:
    for count, classes, sharp in ((40, 5, 3.0), (10, 10, 1.0), (60, 3, 8.0)):
        logits = sharp * torch.randn(count, classes, generator=generator)
        yield {"probabilities": logits.softmax(1).clamp(min=1e-6)}


def divergence(p: Tensor, q: Tensor) -> Tensor:
    return (p * (p.log() - q.log())).sum(1)


def gains(probabilities: Tensor) -> Tensor:
    """The divergence of each prediction from their mean."""
    return divergence(probabilities, probabilities.mean(0))


INCEPTION_SCORE = Exercise(
    "ps5.inception_score",
    lambda probabilities: gains(probabilities).mean().exp(),
    probability_cases,
    (SOUND, value("is exp of the mean divergence from the mean prediction", points=3.0), UNCHANGED),
    (
        Mistake(lambda probabilities: gains(probabilities).mean(), "The exponential seems to be missing."),
        Mistake(
            lambda probabilities: divergence(probabilities, torch.tensor(1 / probabilities.shape[1])).mean().exp(),
            "Predictions seem to be compared with the uniform distribution: compare with their own mean.",
        ),
        Mistake(
            lambda probabilities: (
                divergence(probabilities.mean(0).expand_as(probabilities), probabilities).mean().exp()
            ),
            "The divergence seems to be the wrong way round: it is that of p(y|x) from p(y).",
        ),
        Mistake(
            lambda probabilities: gains(probabilities).sum().exp(),
            "The divergences seem to be summed: take the mean.",
        ),
        Mistake(
            lambda probabilities: gains(probabilities).exp().mean(),
            "The exponential comes last: exp of the mean, not the mean of exp.",
        ),
        Mistake(
            lambda probabilities: (-(probabilities * probabilities.log()).sum(1)).mean().exp(),
            "This is the exponential of the mean entropy: the divergence from p(y) is missing.",
        ),
        Mistake(
            lambda probabilities: (gains(probabilities) / math.log(2)).mean().exp(),
            "This mixes log2 with exp: take the natural logarithm.",
        ),
    ),
    "notebook 10; course_lib.measuring.scores",
)


def share_cases(generator: Generator) -> Iterator[Inputs]:
    for count, share in ((50, 0.9), (20, 0.0), (200, 0.5), (8, 1.0)):
        yield {"hits": torch.rand(count, generator=generator) < share}


def wilson(hits: Tensor, *, z: float = 1.959964) -> Tensor:
    """[share, low, high], Wilson 1927."""
    n, p = len(hits), hits.double().mean().item()
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return torch.tensor([p, *((middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))])


def wald(hits: Tensor, *, power: float = 0.5) -> Tensor:
    n, p = len(hits), hits.double().mean().item()
    half = 1.959964 * (p * (1 - p)) ** 0.5 / n**power
    return torch.tensor([p, p - half, p + half])


INTERVAL = Exercise(
    "ps5.interval",
    wilson,
    share_cases,
    (SOUND, value("is the share with its Wilson 95% interval", points=3.0), UNCHANGED),
    (
        Mistake(wald, "This is the normal approximation: with all or none right it claims to be certain."),
        Mistake(lambda hits: wilson(hits, z=1.0), "z seems to be 1: for 95% it is 1.96."),
        Mistake(lambda hits: wilson(hits, z=1.644854), "z seems to be that of a 90% interval: for 95% it is 1.96."),
        Mistake(
            lambda hits: wald(hits, power=1.0),
            "The error seems to shrink with n: it shrinks with the square root of n.",
        ),
        Mistake(lambda hits: wilson(hits)[[0, 2, 1]], "The two ends seem to be swapped: [share, low, high]."),
        Mistake(lambda hits: 100 * wilson(hits), "These are percentages: a share lies between 0 and 1."),
    ),
    "notebook 10; course_lib.measuring.intervals.wilson",
)

EXERCISES = (PSNR, INCEPTION_SCORE, INTERVAL)
