"""Problem set 2: the inner maximum, a training step's loss, honest robust accuracy."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_lib.checks.asking import Ask, Inputs
from course_lib.checks.exercise import Exercise, drawn
from course_lib.checks.ps1 import along, labelled, pgd
from course_lib.checks.rules import MANNERS, box, inside, mistakes, sound, unchanged, value
from course_lib.constraints import LinfBall

READ = "notebook 01, Two equations"


def attacked(generator: Generator, count: int, radius: float, steps: int) -> Inputs:
    inputs = labelled(generator, count, images="start")
    noise = radius * (2 * torch.rand(inputs["start"].shape, generator=generator) - 1)
    return inputs | {"noise": noise, "radius": radius, "steps": steps, "step_size": 0.4 * radius}


def clamped(start: Tensor, noise: Tensor) -> Tensor:
    return (start + noise).clamp(0, 1)


right = partial(pgd, direction=torch.sign, ball=LinfBall, uphill=True)


def ascent(start: Tensor, noise: Tensor, labels: Tensor, *, begin=clamped, **how) -> Tensor:  # type: ignore[no-untyped-def]
    return right(start=start, target=labels, begin=begin(start, noise), **how)


INNER_MAXIMUM = Exercise(
    "ps2.inner_maximum",
    ascent,
    drawn(attacked, (3, 0.1, 4), (1, 0.04, 6), (4, 0.2, 1), (2, 0.1, 0)),
    (
        sound,
        inside("stays in the L-infinity ball around the picture", torch.abs),
        box,
        value("takes the steps of the attack", points=3.0),
        *MANNERS,
    ),
    mistakes(
        "The loss seems to fall: an attack raises it.",
        partial(ascent, uphill=False),
        "The random start seems to be missing: begin at start + noise.",
        partial(ascent, begin=lambda start, noise: start),
        "The ball's centre seems to be the random start: it is the picture.",
        lambda start, noise, labels, **rest: right(start=clamped(start, noise), target=labels, **rest),
        "The projection seems to be missing.",
        partial(ascent, projected=False),
        "The pictures leave [0, 1]: clamp them after the projection.",
        partial(ascent, boxed=False),
        "The step seems to have a length in L2: in this ball every value takes a step of its own.",
        partial(ascent, direction=along),
        "The random start has to be clamped to [0, 1], too.",
        partial(ascent, begin=torch.add),
    ),
    READ,
    Ask(alone=("start", "labels", "noise"), model=True),
)


def batch(generator: Generator, count: int, weight: float) -> Inputs:
    inputs = labelled(generator, count)
    delta = 0.3 * torch.randn(inputs["images"].shape, generator=generator)
    return inputs | {"weight": weight, "delta": delta}


def stable_loss(  # type: ignore[no-untyped-def]
    model, images, labels, weight, attack, *, right=False, turned=False, over=torch.mean
) -> Tensor:
    """Cross entropy (of attacked pictures with `right`) plus the divergence, the sum of p log(p / q) (turned round)."""
    clean, moved = model(images), model(attack(images, labels))
    p, q = (answer.log_softmax(1) for answer in ((moved, clean) if turned else (clean, moved)))
    return F.cross_entropy(moved if right else clean, labels) + weight * over((p.exp() * (p - q)).sum(1))


STABLE_LOSS = Exercise(
    "ps2.stable_loss",
    stable_loss,
    drawn(batch, (4, 2.0), (1, 6.0), (7, 0.5)),
    (sound, value("is right on the pictures and stable under attack", points=3.0), unchanged),
    mistakes(
        "The divergence seems to be turned round: it is of the clean answer from the attacked one.",
        lambda **a: stable_loss(**a, turned=True),
        "The divergences seem to be summed over the batch: take their mean.",
        lambda **a: stable_loss(**a, over=torch.sum),
        "The mean seems to be over the classes as well: the default of `F.kl_div` divides by them.",
        lambda **a: stable_loss(**a, over=lambda each: each.mean() / a["model"](a["images"]).shape[1]),
        "The weight seems to be missing.",
        lambda weight, **a: stable_loss(weight=1.0, **a),
        "The labels seem to be compared with the attacked pictures: here they belong to the clean ones.",
        lambda **a: stable_loss(**a, right=True),
        "This is equation 1: what the attack changes costs nothing.",
        lambda weight, **a: stable_loss(weight=0.0, **a),
    ),
    "notebook 01, Two equations; notebook 11 trains for the same end in another way",
    Ask(model=True, attack=True),
)


def tried(generator: Generator, radii: int, tries: int, count: int) -> Inputs:
    """Which pictures withstood which attack at which radius; an attack may fail where a smaller one succeeded."""
    share = torch.linspace(0.95, 0.6, radii).view(-1, 1, 1)
    return {"hits": torch.rand(radii, tries, count, generator=generator) < share}


def survived(hits: Tensor) -> Tensor:
    """What withstood each radius and all smaller ones, (radii, B)."""
    return hits.all(1).long().cummin(0).values


ROBUST_CURVE = Exercise(
    "ps2.robust_curve",
    lambda hits: survived(hits).float().mean(1),
    drawn(tried, (5, 2, 40), (3, 1, 10), (4, 3, 60)),
    (sound, value("counts at each radius what no attack within it has fooled", points=3.0), unchanged),
    mistakes(
        "The attacks seem to be averaged: one that succeeds is enough.",
        lambda hits: hits.float().mean((1, 2)),
        "Withstanding one attack seems to be enough: it has to be all.",
        lambda hits: hits.any(1).long().cummin(0).values.float().mean(1),
        "A picture seems to come back: what was fooled within a small ball is lost in each larger one.",
        lambda hits: hits.all(1).float().mean(1),
        "The radii seem to be counted from the largest one: a small ball lies in a large one, not the reverse.",
        lambda hits: survived(hits.flip(0)).flip(0).float().mean(1),
        "Only the last attack counts.",
        lambda hits: hits[:, -1].long().cummin(0).values.float().mean(1),
        "This is the share that is lost, not the one that remains.",
        lambda hits: 1 - survived(hits).float().mean(1),
    ),
    "notebook 01, One attack step or seven?; course_lib.measuring.accuracy",
)

EXERCISES = (INNER_MAXIMUM, STABLE_LOSS, ROBUST_CURVE)
