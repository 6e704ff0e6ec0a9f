"""Problem set 3: where generation starts."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_lib.checks.asking import Inputs
from course_lib.checks.exercise import Exercise, between, drawn
from course_lib.checks.rules import box, mistakes, sound, unchanged, value
from course_lib.pixels import nearest, shrink

READ = "notebook 03; course_lib.seeds"


def members(generator: Generator, count: int) -> Tensor:
    """Pictures of one class, (count, 3, H, W), some pixels of which hardly vary."""
    shape = 3, between(5, 6, generator), between(7, 9, generator)
    spread = torch.rand(1, *shape, generator=generator)
    return (0.5 + 0.4 * spread * torch.randn(count, *shape, generator=generator)).clamp(0, 1)


def chosen(generator: Generator, count: int, starts: int) -> Inputs:
    images = members(generator, count)
    return {"images": images, "choice": torch.randint(0, count, (starts, *images.shape[2:]), generator=generator)}


def mixed(images: Tensor, choice: Tensor) -> Tensor:
    return images.gather(0, choice[:, None].expand(-1, images.shape[1], -1, -1))


MIXED_PIXELS = Exercise(
    "ps3.mixed_pixels",
    mixed,
    drawn(chosen, (20, 4), (3, 1), (50, 7)),
    (sound, box, value("takes each pixel from the picture that was chosen for it", points=3.0), unchanged),
    mistakes(
        "Whole pictures seem to be copied: every pixel has a choice of its own.",
        lambda images, choice: images[choice[:, 0, 0]],
        "The choices seem to be read upside down: row i of `choice` is for row i of the start.",
        lambda images, choice: mixed(images, choice.flip(1)),
        "One channel seems to serve for all: a pixel keeps its three values together.",
        lambda images, choice: mixed(images, choice)[:, :1].expand(-1, 3, -1, -1),
        "This is the mean picture: its pixels are no pixels of a picture.",
        lambda images, choice: images.mean(0).expand(len(choice), -1, -1, -1),
    ),
    READ,
)


def classes_of(generator: Generator, classes: int, each: int, starts: int) -> Inputs:
    labels = torch.arange(classes).repeat(each)
    bright = 0.15 * labels.view(-1, 1, 1, 1)  # the classes differ in their means
    return {
        "images": (members(generator, len(labels)) * 0.5 + bright).clamp(0, 1),
        "labels": labels,
        "wanted": torch.randint(0, classes, (starts,), generator=generator),
        "z": torch.randn(starts, len(labels), generator=generator),
    }


def shared(
    images: Tensor, labels: Tensor, wanted: Tensor, z: Tensor, *, scale: float = 0.5, centred: str = "own"
) -> Tensor:
    """The wanted class's mean, and deviations from a mean (each class's own, that of all, none), mixed by z."""
    member = F.one_hot(labels).to(images).T
    means = (member / member.sum(1, keepdim=True)) @ images.flatten(1)
    middle = {"own": means[labels], "all": images.flatten(1).mean(0), "none": torch.zeros(1)}[centred]
    moved = means[wanted] + z @ (images.flatten(1) - middle) / len(images) ** scale
    return moved.view(-1, *images.shape[1:])


SHARED_NORMAL = Exercise(
    "ps3.shared_normal",
    shared,
    drawn(classes_of, (3, 6, 4), (2, 5, 1), (4, 4, 5)),
    (sound, value("has the mean of its class and the covariance of all", points=4.0), unchanged),
    mistakes(
        "All pictures seem to be centred at one mean: then what differs between classes counts as variation.",
        lambda **a: shared(**a, centred="all"),
        "The pictures seem not to be centred: subtract a mean before they are mixed.",
        lambda **a: shared(**a, centred="none"),
        "This divides by N: the covariance is divided by N, so a sample by its square root.",
        lambda **a: shared(**a, scale=1.0),
        "The division by the square root of N seems to be missing.",
        lambda **a: shared(**a, scale=0.0),
        "Only pictures of the wanted class seem to be mixed: the covariance is that of all classes.",
        lambda z, labels, wanted, **a: shared(z=z * (labels == wanted[:, None]), labels=labels, wanted=wanted, **a),
        "The mean picture seems to be missing: the sample varies around it.",
        lambda images, wanted, **a: (
            shared(images, wanted=wanted, **a) - shared(images, wanted=wanted, **a | {"z": 0 * a["z"]})
        ),
    ),
    READ,
)


def component_cases(generator: Generator) -> Iterator[Inputs]:
    """Random weights; quarters, where some numbers lie exactly on an edge; parts whose sum is rounded below 1."""
    for parts, draws in ((3, 40), (1, 5), (6, 80)):
        weights = torch.rand(parts, generator=generator) + 0.1
        yield {"weights": weights * 3, "uniform": torch.rand(draws, generator=generator)}
    yield {"weights": torch.tensor([2.0, 4.0, 2.0]), "uniform": torch.tensor([0.0, 0.25, 0.5, 0.75, 0.9])}
    weights = torch.ones(20)
    while (weights / weights.sum()).cumsum(0)[-1] >= 1:
        weights = torch.rand(20, generator=generator) + 0.1
    yield {"weights": weights, "uniform": torch.tensor([0.5, 1 - 2**-24])}


def component(weights: Tensor, uniform: Tensor, *, right: bool = True) -> Tensor:
    edges = (weights / weights.sum()).cumsum(0)
    return torch.searchsorted(edges, uniform, right=right).clamp(max=len(weights) - 1)


COMPONENT = Exercise(
    "ps3.component",
    component,
    component_cases,
    (sound, value("draws each part with its weight", points=3.0), unchanged),
    mistakes(
        "A number exactly on an edge seems to fall to the left: an interval holds its left end, not its right one.",
        lambda weights, uniform: component(weights, uniform, right=False),
        "The weights seem not to be normalised: divide them by their sum.",
        lambda weights, uniform: torch.searchsorted(weights.cumsum(0), uniform, right=True).clamp(max=len(weights) - 1),
        "Every part seems to be as likely as the others: use the weights.",
        lambda weights, uniform: (uniform * len(weights)).long(),
        "The parts seem to be counted from 1: the first one is 0.",
        lambda weights, uniform: component(weights, uniform) + 1,
    ),
    READ,
)


def blocks(images: Tensor, factor: int) -> Tensor:
    return nearest(shrink(images, factor), factor)


def hybrid(details: Tensor, colours: Tensor, factor: int) -> Tensor:
    return details + blocks(colours - details, factor)


def two_pictures(generator: Generator, count: int, side: int, factor: int) -> Inputs:
    shape = count, 3, side, 2 * side
    return {name: torch.rand(shape, generator=generator) for name in ("details", "colours")} | {"factor": factor}


HYBRID = Exercise(
    "ps3.hybrid",
    hybrid,
    drawn(two_pictures, (3, 8, 2), (1, 12, 4), (2, 6, 3)),
    (sound, value("has the block means of one picture and the details of the other", points=3.0), unchanged),
    mistakes(
        "One pixel of each block seems to stand for the block: take the mean.",
        lambda details, colours, factor: details + nearest((colours - details)[..., ::factor, ::factor], factor),
        "The small picture seems to be tiled: repeat every pixel (repeat_interleave), not the picture.",
        lambda details, colours, factor: details + shrink(colours - details, factor).repeat(1, 1, factor, factor),
        "The old block means seem to be still there: take them out before the new ones come in.",
        lambda details, colours, factor: details + blocks(colours, factor),
        "The two pictures seem to have changed places.",
        lambda details, colours, factor: hybrid(colours, details, factor),
        "The enlargement seems to be smooth: every pixel of a block gets the same number.",
        lambda details, colours, factor: (
            details + F.interpolate(shrink(colours - details, factor), scale_factor=factor, mode="bilinear")
        ),
    ),
    READ,
)

EXERCISES = (MIXED_PIXELS, SHARED_NORMAL, COMPONENT, HYBRID)
