"""Problem set 2: the inner maximum, a training step's loss, honest robust accuracy."""

from collections.abc import Iterator
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_lib.checks.asking import Ask, Function, Inputs
from course_lib.checks.exercise import INDEPENDENT, SOUND, UNCHANGED, Exercise, Mistake, Rule, value
from course_lib.checks.ps1 import along, back, in_the_box, inside, pgd
from course_lib.constraints import L2Ball
from course_lib.pgd import solve
from course_lib.tasks import attack

READ = "notebook 01, Two equations"


def attacked(generator: Generator) -> Iterator[Inputs]:
    for count, radius, steps in ((3, 1.0, 4), (1, 0.4, 6), (4, 2.0, 1), (2, 1.0, 0)):
        start = torch.rand(count, 3, 5, 5, generator=generator)
        yield {
            "weights": torch.randn(4, 75, generator=generator),
            "start": start,
            "labels": torch.randint(0, 4, (count,), generator=generator),
            "noise": 0.5 * L2Ball(radius).project(torch.randn(start.shape, generator=generator)),
            "radius": radius,
            "steps": steps,
            "step_size": 0.5 * radius,
        }


def clamped(start: Tensor, noise: Tensor) -> Tensor:
    return (start + noise).clamp(0, 1)


def inner_maximum(model, start, labels, noise, radius, **schedule):  # type: ignore[no-untyped-def]
    problem = attack(model, start, labels, ball=L2Ball(radius), steps=schedule["steps"])
    return solve(replace(problem, start=clamped(start, noise), step_size=schedule["step_size"]))


def uphill(x: Tensor, gradient: Tensor, centre: Tensor, radius: float, size: float) -> Tensor:
    return back(x + size * along(gradient), centre, radius).clamp(0, 1)


def ascent(begin: Function = clamped, step: Function = uphill) -> Function:
    """The attack with another begin or another step."""
    return lambda start, noise, labels, **rest: pgd(step, start=start, target=labels, begin=begin(start, noise), **rest)


INNER_MAXIMUM = Exercise(
    "ps2.inner_maximum",
    inner_maximum,
    attacked,
    (
        SOUND,
        inside("stays in the ball around the picture"),
        Rule("stays within [0, 1]", in_the_box),
        value("takes the steps of the attack", points=3.0),
        INDEPENDENT,
        UNCHANGED,
    ),
    (
        Mistake(
            ascent(step=lambda x, gradient, *rest: uphill(x, -gradient, *rest)),
            "The loss seems to fall: an attack raises it.",
        ),
        Mistake(
            ascent(begin=lambda start, noise: start), "The random start seems to be missing: begin at start + noise."
        ),
        Mistake(
            lambda start, noise, labels, **rest: pgd(uphill, start=clamped(start, noise), target=labels, **rest),
            "The ball's centre seems to be the random start: it is the picture.",
        ),
        Mistake(
            ascent(step=lambda x, gradient, centre, radius, size: (x + size * along(gradient)).clamp(0, 1)),
            "The projection seems to be missing.",
        ),
        Mistake(
            ascent(step=lambda x, gradient, centre, radius, size: back(x + size * along(gradient), centre, radius)),
            "The pictures leave [0, 1]: clamp them after the projection.",
        ),
        Mistake(ascent(begin=torch.add), "The random start has to be clamped to [0, 1], too."),
    ),
    READ,
    Ask(alone=("start", "labels", "noise"), model=True),
)


def labelled(generator: Generator, count: int) -> Inputs:
    """A linear classifier (its weights), and pictures with labels."""
    return {
        "weights": torch.randn(4, 75, generator=generator),
        "images": torch.rand(count, 3, 5, 5, generator=generator),
        "labels": torch.randint(0, 4, (count,), generator=generator),
    }


def batches(generator: Generator) -> Iterator[Inputs]:
    for count in (4, 1, 7):
        yield labelled(generator, count) | {"delta": 0.2 * torch.randn(count, 3, 5, 5, generator=generator)}


def robust_loss(model, images, labels, attack):  # type: ignore[no-untyped-def]
    return F.cross_entropy(model(attack(images, labels)), labels)


ROBUST_LOSS = Exercise(
    "ps2.robust_loss",
    robust_loss,
    batches,
    (SOUND, value("is the mean loss on attacked pictures", points=3.0), UNCHANGED),
    (
        Mistake(
            lambda attack, **a: robust_loss(attack=lambda images, _: images, **a),
            "This is equation 1: attack the pictures first.",
        ),
        Mistake(
            lambda labels, **a: robust_loss(labels=labels, **a) * len(labels),
            "The losses seem to be summed: the expectation is a mean.",
        ),
        Mistake(
            lambda model, images, labels, attack: robust_loss(model, images, model(images).argmax(1), attack),
            "The labels seem to be the model's own answers: use the true ones.",
        ),
        Mistake(
            lambda attack, **a: (
                (robust_loss(attack=lambda images, _: images, **a) + robust_loss(attack=attack, **a)) / 2
            ),
            "Clean and attacked loss seem to be averaged: equation 2 has the worst case alone.",
        ),
        Mistake(
            lambda **inputs: -robust_loss(**inputs),
            "The sign is turned: training lowers the loss that the attack has raised.",
        ),
    ),
    READ,
    Ask(model=True, attack=True),
)


def restarts(generator: Generator) -> Iterator[Inputs]:
    for count, tries in ((12, 3), (5, 1), (20, 4)):
        images = torch.rand(count, 3, 5, 5, generator=generator)
        weights = torch.randn(4, 75, generator=generator)
        labels = (images.flatten(1) @ weights.T).argmax(1)
        labels[::4] = (labels[::4] + 1) % 4  # some are wrong from the start
        moved = images + 0.25 * torch.randn(tries, *images.shape, generator=generator)
        moved[:, ::4] = weights[labels[::4]].sign().view(-1, *images.shape[1:])  # ... and right after every attack
        yield {"weights": weights, "images": images, "labels": labels, "attacked": moved.clamp(0, 1)}


def hits(model: Function, images: Tensor, labels: Tensor, attacked: Tensor) -> Tensor:
    """Which pictures are classified correctly: unattacked, then after each attack, (1 + tries, B)."""
    return torch.stack([model(part).argmax(1) == labels for part in (images, *attacked)])


ROBUST_ACCURACY = Exercise(
    "ps2.robust_accuracy",
    lambda **inputs: hits(**inputs).all(0).float().mean(),
    restarts,
    (SOUND, value("counts what withstands every attack", points=3.0), UNCHANGED),
    (
        Mistake(lambda **a: hits(**a).float().mean(), "The attacks seem to be averaged: one that succeeds is enough."),
        Mistake(
            lambda **a: hits(**a).any(0).float().mean(),
            "Withstanding one attack seems to be enough: it has to be all.",
        ),
        Mistake(lambda **a: hits(**a)[-1].float().mean(), "Only the last attack seems to count."),
        Mistake(
            lambda **a: hits(**a)[1:].all(0).float().mean(),
            "A picture that is wrong without any attack is not robust: count it as lost.",
        ),
        Mistake(lambda **a: hits(**a)[0].float().mean(), "This is the clean accuracy."),
        Mistake(
            lambda **a: 1 - hits(**a).all(0).float().mean(),
            "This is the share that is lost, not the share that remains.",
        ),
        Mistake(lambda **a: hits(**a).all(0).float().sum(), "This is a count: divide by the number of pictures."),
    ),
    "notebook 01, One attack step or seven?; course_lib.measuring.accuracy",
    Ask(model=True),
)

EXERCISES = (INNER_MAXIMUM, ROBUST_LOSS, ROBUST_ACCURACY)
