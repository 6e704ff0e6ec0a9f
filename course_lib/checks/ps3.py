"""Problem set 3: seed distributions."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_lib.checks.asking import Inputs
from course_lib.checks.exercise import SOUND, UNCHANGED, Exercise, Mistake, Rule, value
from course_lib.checks.ps1 import in_the_box
from course_lib.pixels import nearest, shrink

BOX = Rule("stays within [0, 1]", in_the_box)
READ = "notebook 03; course_lib.seeds"


def members(generator: Generator, count: int) -> Tensor:
    """Pictures of one class, (count, 3, 6, 6), some pixels of which hardly vary."""
    spread = torch.rand(1, 3, 6, 6, generator=generator)
    return (0.5 + 0.4 * spread * torch.randn(count, 3, 6, 6, generator=generator)).clamp(0, 1)


def pixel_cases(generator: Generator) -> Iterator[Inputs]:
    for count, seeds in ((20, 4), (3, 1), (50, 7)):
        yield {"images": members(generator, count), "noise": torch.randn(seeds, 3, 6, 6, generator=generator)}


def pixel_normal(images: Tensor, noise: Tensor) -> Tensor:
    return (images.mean(0) + images.std(0, correction=0) * noise).clamp(0, 1)


PIXEL_NORMAL = Exercise(
    "ps3.pixel_normal",
    pixel_normal,
    pixel_cases,
    (SOUND, BOX, value("has each pixel's mean and standard deviation", points=3.0), UNCHANGED),
    (
        Mistake(
            lambda images, noise: (images.mean() + images.std(correction=0) * noise).clamp(0, 1),
            "One mean seems to serve all pixels: take it over the pictures only, dimension 0.",
        ),
        Mistake(
            lambda images, noise: (images.mean(0) + images.var(0, correction=0) * noise).clamp(0, 1),
            "The noise seems to be scaled with the variance: its square root is wanted.",
        ),
        Mistake(
            lambda images, noise: images.mean(0) + images.std(0, correction=0) * noise,
            "The seeds leave [0, 1]: clamp them.",
        ),
        Mistake(
            lambda images, noise: (images.mean(0) + noise).clamp(0, 1), "The standard deviation seems to be missing."
        ),
        Mistake(
            lambda images, noise: (images.mean(0) + images.std(0) * noise).clamp(0, 1),
            "The standard deviation seems to be divided by N - 1: this exercise divides by N (correction=0).",
        ),
        Mistake(
            lambda images, noise: (
                images.mean((0, 2, 3), keepdim=True) + images.std((0, 2, 3), correction=0, keepdim=True) * noise
            ).clamp(0, 1),
            "Each channel seems to have one mean: every pixel has its own.",
        ),
    ),
    READ,
)


def low_rank_cases(generator: Generator) -> Iterator[Inputs]:
    for count, seeds, jitter in ((20, 4, 0.01), (3, 1, 0.1), (30, 5, 0.0)):
        yield {
            "images": members(generator, count),
            "z": 0.5 * torch.randn(seeds, count, generator=generator),
            "xi": torch.randn(seeds, 3, 6, 6, generator=generator),
            "jitter": jitter,
        }


def low_rank(
    images: Tensor, z: Tensor, xi: Tensor, jitter: float, *, scale: float = 0.5, centre: bool = True
) -> Tensor:
    """mu + z X / N^scale + jitter xi."""
    flat = images.flatten(1)
    shifted = flat - flat.mean(0) if centre else flat
    moved = z @ shifted / len(flat) ** scale
    return images.mean(0) + moved.view(-1, *images.shape[1:]) + jitter * xi


MULTIVARIATE_NORMAL = Exercise(
    "ps3.multivariate_normal",
    low_rank,
    low_rank_cases,
    (SOUND, value("is a sample of N(mu, X'X/N + jitter^2 I)", points=4.0), UNCHANGED),
    (
        Mistake(
            lambda **a: low_rank(**a, centre=False),
            "The pictures seem not to be centred: subtract their mean before they are mixed.",
        ),
        Mistake(
            lambda **a: low_rank(**a, scale=1.0),
            "This divides by N: the covariance is divided by N, so the sample by its square root.",
        ),
        Mistake(lambda **a: low_rank(**a, scale=0.0), "The division by the square root of N seems to be missing."),
        Mistake(lambda **a: low_rank(**a | {"jitter": 0.0}), "The jitter seems to be missing."),
        Mistake(
            lambda jitter, **a: low_rank(jitter=jitter**2, **a),
            "The noise seems to be scaled with jitter squared: that is its variance.",
        ),
        Mistake(
            lambda images, **a: low_rank(images, **a) - images.mean(0),
            "The mean picture seems to be missing: the sample varies around it.",
        ),
    ),
    READ,
)


def component_cases(generator: Generator) -> Iterator[Inputs]:
    for parts, draws in ((3, 40), (1, 5), (6, 80)):
        weights = torch.rand(parts, generator=generator) + 0.1
        yield {"weights": weights * 3, "uniform": torch.rand(draws, generator=generator)}


def component(weights: Tensor, uniform: Tensor) -> Tensor:
    edges = (weights / weights.sum()).cumsum(0)
    return torch.searchsorted(edges, uniform).clamp(max=len(weights) - 1)


COMPONENT = Exercise(
    "ps3.component",
    component,
    component_cases,
    (SOUND, value("draws each part with its weight", points=3.0), UNCHANGED),
    (
        Mistake(
            lambda weights, uniform: torch.searchsorted(weights.cumsum(0), uniform).clamp(max=len(weights) - 1),
            "The weights seem not to be normalised: divide them by their sum.",
        ),
        Mistake(
            lambda weights, uniform: (uniform * len(weights)).long(),
            "Every part seems to be as likely as the others: use the weights.",
        ),
        Mistake(
            lambda weights, uniform: weights.argmax().expand(len(uniform)),
            "Always the heaviest part seems to be taken: that is no mixture.",
        ),
        Mistake(
            lambda weights, uniform: component(weights, uniform) + 1,
            "The parts seem to be counted from 1: the first one is 0.",
        ),
    ),
    READ,
)


def coarse_cases(generator: Generator) -> Iterator[Inputs]:
    for count, size, factor in ((3, 8, 2), (1, 12, 4), (2, 6, 1)):
        yield {"images": torch.rand(count, 3, size, size, generator=generator), "factor": factor}


COARSE = Exercise(
    "ps3.coarse",
    lambda images, factor: nearest(shrink(images, factor), factor),
    coarse_cases,
    (SOUND, value("has the mean of each block in every pixel of the block", points=3.0), UNCHANGED),
    (
        Mistake(
            lambda images, factor: nearest(images[..., ::factor, ::factor], factor),
            "One pixel of each block seems to stand for the block: take the mean.",
        ),
        Mistake(
            lambda images, factor: shrink(images, factor).repeat(1, 1, factor, factor),
            "The small picture seems to be tiled: repeat every pixel (repeat_interleave), not the picture.",
        ),
        Mistake(lambda images, factor: shrink(images, factor), "The small picture seems not to be enlarged again."),
        Mistake(
            lambda images, factor: F.interpolate(shrink(images, factor), scale_factor=factor, mode="bilinear"),
            "The enlargement seems to be smooth: nearest neighbour is wanted.",
        ),
        Mistake(
            lambda images, factor: nearest(F.max_pool2d(images, factor), factor),
            "The largest value of each block seems to be taken: take the mean.",
        ),
    ),
    READ,
)

EXERCISES = (PIXEL_NORMAL, MULTIVARIATE_NORMAL, COMPONENT, COARSE)
