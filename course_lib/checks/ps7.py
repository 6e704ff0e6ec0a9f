"""Problem set 7: controls, and measures of one's own."""

import torch
from torch import Generator, Tensor

from course_lib.checks.asking import Ask, Inputs
from course_lib.checks.exercise import Exercise, between, drawn
from course_lib.checks.rules import MANNERS, keeps_lengths, mistakes, sound, unchanged, value


def ordered(generator: Generator, count: int, height: int, width: int) -> Inputs:
    change = torch.randn(count, 3, height, width, generator=generator)
    return {"change": change, "order": torch.rand(count, height * width, generator=generator).argsort(1)}


def shuffled(change: Tensor, order: Tensor) -> Tensor:
    return change.flatten(2).gather(2, order[:, None].expand(-1, 3, -1)).view(change.shape)


SHUFFLED = Exercise(
    "ps7.shuffled",
    shuffled,
    drawn(ordered, (3, 6, 8), (1, 5, 5), (4, 4, 6)),
    (sound, keeps_lengths, value("moves whole pixels to the places of the order"), *MANNERS),
    mistakes(
        "One order seems to serve the whole batch: every picture has its own.",
        lambda change, order: shuffled(change, order[:1].expand_as(order)),
        "The order seems to be used backwards: number i of `order` says which old pixel comes to place i.",
        lambda change, order: shuffled(change, order.argsort(1)),
        "The channels seem to be shuffled each in its own way: a pixel keeps its three values together.",
        lambda change, order: torch.stack(
            [shuffled(change, order.roll(channel, 1))[:, channel] for channel in range(3)], 1
        ),
        "This mirrors the change: its shapes are still there.",
        lambda change, order: change[..., torch.arange(change.shape[-1] - 1, -1, -1)],
    ),
    "notebook 00; notebook 10, random direction",
    Ask(alone=("change", "order")),
)


def walked(generator: Generator, steps: int, count: int) -> Inputs:
    """Paths of pictures; in each batch one picture that never moves."""
    shape = steps, count, 3, between(3, 4, generator), between(5, 7, generator)
    moves = (torch.randn(shape, generator=generator) + 0.5) * torch.logspace(-3, 0, count).view(-1, 1, 1, 1)
    moves[:, -1] = 0
    return {"path": moves.cumsum(0)}


def lengths(changes: Tensor) -> Tensor:
    return changes.flatten(2).norm(dim=2)


def straightness(path: Tensor) -> Tensor:
    return lengths(path[-1:] - path[:1])[0] / lengths(path.diff(dim=0)).sum(0).clamp(min=1e-12)


STRAIGHTNESS = Exercise(
    "ps7.straightness",
    straightness,
    drawn(walked, (6, 3), (2, 2), (10, 4)),
    (sound, value("is the way gained, as a share of the way gone", points=3.0), unchanged),
    mistakes(
        "A picture that never moves seems to be divided by 0: its answer is 0.",
        lambda path: lengths(path[-1:] - path[:1])[0] / lengths(path.diff(dim=0)).sum(0),
        "The fraction seems to be upside down: a straight way has 1, a crooked one less.",
        lambda path: lengths(path.diff(dim=0)).sum(0).clamp(min=1e-12) / lengths(path[-1:] - path[:1])[0],
        "The steps seem to be averaged: the way gone is their sum.",
        lambda path: lengths(path[-1:] - path[:1])[0] / lengths(path.diff(dim=0)).mean(0).clamp(min=1e-12),
        "The way seems to begin at a black picture: it begins at the first one.",
        lambda path: lengths(path[-1:])[0] / lengths(path.diff(dim=0)).sum(0).clamp(min=1e-12),
        "The mean over the batch seems to be taken: every picture has its own number.",
        lambda path: straightness(path).mean().expand(path.shape[1]),
    ),
    "notebook 04",
)


def followed(generator: Generator, *shape: int) -> Inputs:
    drawing = torch.rand(shape, generator=generator)
    return {"drawing": drawing, "result": (0.6 * drawing + 0.2 * torch.randn(shape, generator=generator)).clamp(0, 1)}


def centred(images: Tensor) -> Tensor:
    rows = images.mean(1).flatten(1)
    return rows - rows.mean(1, keepdim=True)


def likeness(first: Tensor, second: Tensor) -> Tensor:
    """The cosine of rows (B, d)."""
    return (first * second).sum(1) / (first.norm(dim=1) * second.norm(dim=1))


LIKENESS = Exercise(
    "ps7.likeness",
    lambda drawing, result: likeness(centred(drawing), centred(result)),
    drawn(followed, (3, 3, 6, 8), (1, 3, 5, 5), (4, 3, 4, 6)),
    (sound, value("is the correlation of the two brightnesses", points=2.0), *MANNERS),
    mistakes(
        "The means seem not to be taken out: then any two bright pictures are alike.",
        lambda drawing, result: likeness(drawing.mean(1).flatten(1), result.mean(1).flatten(1)),
        "This is the covariance: divide by both spreads.",
        lambda drawing, result: (centred(drawing) * centred(result)).mean(1),
        "The colours seem to be compared: take the mean of the channels first.",
        lambda drawing, result: likeness(
            *(x.flatten(1) - x.flatten(1).mean(1, keepdim=True) for x in (drawing, result))
        ),
        "This is the square of the correlation: its sign is lost.",
        lambda drawing, result: likeness(centred(drawing), centred(result)).square(),
        "One number seems to serve the whole batch: every drawing has its own.",
        lambda drawing, result: likeness(centred(drawing).view(1, -1), centred(result).view(1, -1)).expand(
            len(drawing)
        ),
    ),
    "notebook 08",
    Ask(alone=("drawing", "result")),
)

EXERCISES = (SHUFFLED, STRAIGHTNESS, LIKENESS)
