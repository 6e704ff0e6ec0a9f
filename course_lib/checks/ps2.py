"""Problem set 2: the inner maximum, a training step's loss, honest robust accuracy."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_lib.checks.asking import Ask, Function, Inputs
from course_lib.checks.exercise import INDEPENDENT, SOUND, UNCHANGED, Exercise, Mistake, Rule, value
from course_lib.checks.ps1 import along, in_the_box, inside, pgd

READ = "notebook 01, Two equations"


def attacked(generator: Generator) -> Iterator[Inputs]:
    for count, radius, steps in ((3, 0.1, 4), (1, 0.04, 6), (4, 0.2, 1), (2, 0.1, 0)):
        start = torch.rand(count, 3, 5, 5, generator=generator)
        yield {
            "weights": torch.randn(4, 75, generator=generator),
            "start": start,
            "labels": torch.randint(0, 4, (count,), generator=generator),
            "noise": radius * (2 * torch.rand(start.shape, generator=generator) - 1),
            "radius": radius,
            "steps": steps,
            "step_size": 0.4 * radius,
        }


def clamped(start: Tensor, noise: Tensor) -> Tensor:
    return (start + noise).clamp(0, 1)


def back(images: Tensor, centre: Tensor, radius: float) -> Tensor:
    return centre + (images - centre).clamp(-radius, radius)


def uphill(x: Tensor, gradient: Tensor, centre: Tensor, radius: float, size: float) -> Tensor:
    return back(x + size * gradient.sign(), centre, radius).clamp(0, 1)


def ascent(begin: Function = clamped, step: Function = uphill) -> Function:
    """The attack with another begin or another step."""
    return lambda start, noise, labels, **rest: pgd(step, start=start, target=labels, begin=begin(start, noise), **rest)


INNER_MAXIMUM = Exercise(
    "ps2.inner_maximum",
    ascent(),
    attacked,
    (
        SOUND,
        inside("stays in the L-infinity ball around the picture", torch.abs),
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
            ascent(step=lambda x, gradient, centre, radius, size: (x + size * gradient.sign()).clamp(0, 1)),
            "The projection seems to be missing.",
        ),
        Mistake(
            ascent(step=lambda x, gradient, centre, radius, size: back(x + size * gradient.sign(), centre, radius)),
            "The pictures leave [0, 1]: clamp them after the projection.",
        ),
        Mistake(
            ascent(
                step=lambda x, gradient, centre, radius, size: back(x + size * along(gradient), centre, radius).clamp(
                    0, 1
                )
            ),
            "The step seems to have a length in L2: in this ball every value takes a step of its own.",
        ),
        Mistake(ascent(begin=torch.add), "The random start has to be clamped to [0, 1], too."),
    ),
    READ,
    Ask(alone=("start", "labels", "noise"), model=True),
)


def labelled(generator: Generator, count: int) -> Inputs:
    """A linear classifier (its weights), and pictures with labels."""
    return {
        "weights": 0.3 * torch.randn(4, 75, generator=generator),
        "images": torch.rand(count, 3, 5, 5, generator=generator),
        "labels": torch.randint(0, 4, (count,), generator=generator),
    }


def batches(generator: Generator) -> Iterator[Inputs]:
    for count, weight in ((4, 2.0), (1, 6.0), (7, 0.5)):
        delta = 0.3 * torch.randn(count, 3, 5, 5, generator=generator)
        yield labelled(generator, count) | {"weight": weight, "delta": delta}


def divergences(log_p: Tensor, log_q: Tensor) -> Tensor:
    """How far each row of q is from p: sum of p log(p / q)."""
    return (log_p.exp() * (log_p - log_q)).sum(1)


def stable_loss(  # type: ignore[no-untyped-def]
    model, images, labels, weight, attack, *, right=False, turned=False, over=torch.mean
) -> Tensor:
    """Cross entropy (of attacked pictures with `right`) plus the divergence (turned round with `turned`)."""
    clean, moved = model(images), model(attack(images, labels))
    pair = [clean.log_softmax(1), moved.log_softmax(1)]
    change = over(divergences(*(pair[::-1] if turned else pair)))
    return F.cross_entropy(moved if right else clean, labels) + weight * change


STABLE_LOSS = Exercise(
    "ps2.stable_loss",
    stable_loss,
    batches,
    (SOUND, value("is right on the pictures and stable under attack", points=3.0), UNCHANGED),
    (
        Mistake(
            lambda **a: stable_loss(**a, turned=True),
            "The divergence seems to be turned round: it is of the clean answer from the attacked one.",
        ),
        Mistake(
            lambda **a: stable_loss(**a, over=torch.sum),
            "The divergences seem to be summed over the batch: take their mean.",
        ),
        Mistake(
            lambda **a: stable_loss(**a, over=lambda each: each.mean() / a["model"](a["images"]).shape[1]),
            "The mean seems to be over the classes as well: the default of `F.kl_div` divides by them.",
        ),
        Mistake(
            lambda weight, **a: stable_loss(weight=1.0, **a),
            "The weight seems to be missing.",
        ),
        Mistake(
            lambda **a: stable_loss(**a, right=True),
            "The labels seem to be compared with the attacked pictures: here they belong to the clean ones.",
        ),
        Mistake(
            lambda weight, **a: stable_loss(weight=0.0, **a),
            "This is equation 1: what the attack changes costs nothing.",
        ),
    ),
    READ,
    Ask(model=True, attack=True),
)


def tried(generator: Generator) -> Iterator[Inputs]:
    """Which pictures withstood which attack at which radius; an attack may fail where a smaller one succeeded."""
    for radii, tries, count in ((5, 2, 40), (3, 1, 10), (4, 3, 60)):
        share = torch.linspace(0.95, 0.6, radii).view(-1, 1, 1)
        yield {"hits": torch.rand(radii, tries, count, generator=generator) < share}


def survived(hits: Tensor) -> Tensor:
    """What withstood each radius and all smaller ones, (radii, B)."""
    return hits.all(1).long().cummin(0).values


ROBUST_CURVE = Exercise(
    "ps2.robust_curve",
    lambda hits: survived(hits).float().mean(1),
    tried,
    (SOUND, value("counts at each radius what no attack within it has fooled", points=3.0), UNCHANGED),
    (
        Mistake(
            lambda hits: hits.float().mean((1, 2)), "The attacks seem to be averaged: one that succeeds is enough."
        ),
        Mistake(
            lambda hits: hits.any(1).long().cummin(0).values.float().mean(1),
            "Withstanding one attack seems to be enough: it has to be all.",
        ),
        Mistake(
            lambda hits: hits.all(1).float().mean(1),
            "A picture seems to come back: what was fooled within a small ball is lost in each larger one.",
        ),
        Mistake(
            lambda hits: survived(hits.flip(0)).flip(0).float().mean(1),
            "The radii seem to be counted from the largest one: a small ball lies in a large one, not the reverse.",
        ),
        Mistake(lambda hits: hits[:, -1].long().cummin(0).values.float().mean(1), "Only the last attack counts."),
        Mistake(
            lambda hits: 1 - survived(hits).float().mean(1), "This is the share that is lost, not the one that remains."
        ),
    ),
    "notebook 01, One attack step or seven?; course_lib.measuring.accuracy",
)

EXERCISES = (INNER_MAXIMUM, STABLE_LOSS, ROBUST_CURVE)
