"""Problem set 1: projections, directions, and the loop."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_lib.checks.asking import Ask, Inputs
from course_lib.checks.exercise import Exercise, between, drawn
from course_lib.checks.rules import IN_BALL, MANNERS, box, downhill, inside, keeps, mistakes, sound, unchanged, value
from course_lib.constraints import L2Ball, norms

SHAPES = ((3, 3, 8, 8), (1, 3, 4, 6), (5, 1, 7, 7))


def changes(*names: str, scale: float) -> Callable[[Generator], Iterator[Inputs]]:
    """Changes far outside, far inside, on both sides within a batch, and none at all; with a start and a mask."""

    def case(generator: Generator, shape: tuple[int, ...], size: float) -> Inputs:
        lengths = size * torch.linspace(0.2, 3.0, shape[0]).view(-1, 1, 1, 1)
        parts = {
            "delta": lengths * torch.randn(shape, generator=generator),
            "mask": (torch.rand(shape[0], 1, *shape[2:], generator=generator) < 0.6).float(),
            "start": 0.05 + 0.9 * torch.rand(shape, generator=generator),
            "radius": scale * (1 + torch.rand((), generator=generator).item()),
        }
        return {name: parts[name] for name in names}

    return drawn(case, *((shape, 1.0) for shape in SHAPES), ((2, 3, 4, 4), 0.01), ((2, 3, 4, 4), 0.0))


def along(gradient: Tensor) -> Tensor:
    return gradient / norms(gradient).clamp(min=1e-12)


def scaled(delta: Tensor, length: Tensor, radius: float) -> Tensor:
    """The projection for one notion of length."""
    return delta * (radius / length.clamp(min=1e-12)).clamp(max=1)


PROJECT_L2 = Exercise(
    "ps1.project_l2",
    lambda delta, radius: scaled(delta, norms(delta), radius),
    changes("delta", "radius", scale=2.0),
    (sound, IN_BALL, keeps, value("is the nearest point of the ball"), *MANNERS),
    mistakes(
        "The norm seems to be taken over the whole batch: sum over dimensions 1, 2 and 3 only.",
        lambda delta, radius: scaled(delta, delta.norm(), radius),
        "Everything seems to be moved to the surface: only what is outside has to move.",
        lambda delta, radius: radius * along(delta),
        "This clamps every value: that is the projection on an L-infinity ball.",
        lambda delta, radius: delta.clamp(-radius, radius),
        "Nothing seems to be projected.",
        lambda delta, radius: delta,
    ),
    "notebook 02, The loop; course_lib.constraints.L2Ball",
    Ask(alone=("delta",)),
)


def patched(delta: Tensor, mask: Tensor, radius: float) -> Tensor:
    return scaled(delta * mask, norms(delta * mask), radius)


PROJECT_PATCH = Exercise(
    "ps1.project_patch",
    patched,
    changes("delta", "mask", "radius", scale=1.0),
    (sound, IN_BALL, keeps, value("is the nearest change that lies in the patch and in the ball"), *MANNERS),
    mistakes(
        "The norm seems to be taken over the whole batch: sum over dimensions 1, 2 and 3 only.",
        lambda delta, mask, radius: scaled(delta * mask, (delta * mask).norm(), radius),
        "Each colour channel seems to get a norm of its own: one picture has one length.",
        lambda delta, mask, radius: scaled(delta * mask, (delta * mask).norm(dim=(2, 3), keepdim=True), radius),
        "The length seems to be measured before the patch is cut out: what is cut off costs no length.",
        lambda delta, mask, radius: scaled(delta, norms(delta), radius) * mask,
        "The mask seems to be missing: outside the patch the change is 0.",
        lambda delta, mask, radius: scaled(delta, norms(delta), radius),
        "The mask seems to be the wrong way round: 1 is the patch.",
        lambda delta, mask, radius: patched(delta, 1 - mask, radius),
        "Everything seems to be moved to the surface: only what is too long has to be shortened.",
        lambda delta, mask, radius: radius * along(delta * mask),
        "This clamps every value: that is the projection on an L-infinity ball.",
        lambda delta, mask, radius: (delta * mask).clamp(-radius, radius),
        "Only the patch is cut out: nothing is shortened.",
        lambda delta, mask, radius: delta * mask,
        "A change of length 0 seems to be divided by its length: keep the length above 1e-12.",
        lambda delta, mask, radius: delta * mask / norms(delta * mask) * norms(delta * mask).clamp(max=radius),
    ),
    "notebook 02, The loop",
    Ask(alone=("delta", "mask")),
)


def boxed(delta: Tensor, start: Tensor, radius: float) -> Tensor:
    return (start + delta.clamp(-radius, radius)).clamp(0, 1) - start


PROJECT_BOX = Exercise(
    "ps1.project_box",
    lambda delta, start, radius: torch.max(torch.min(delta, (1 - start).clamp(max=radius)), (-start).clamp(-radius)),
    changes("delta", "start", "radius", scale=0.3),
    (
        sound,
        inside("ends within the L-infinity ball", torch.abs),
        keeps,
        value("is the nearest change that both limits allow"),
        unchanged,
    ),
    mistakes(
        "Only the upper side seems to be clamped: both limits have a lower side, too.",
        lambda delta, start, radius: torch.minimum(delta.clamp(max=radius), 1 - start),
        "Only the lower side seems to be clamped: both limits have an upper side, too.",
        lambda delta, start, radius: torch.maximum(delta.clamp(min=-radius), -start),
        "The pixel range seems to be missing: start + change has to stay within [0, 1].",
        lambda delta, start, radius: delta.clamp(-radius, radius),
        "The change itself seems to be clamped to [0, 1]: it may be negative, start + change may not.",
        lambda delta, start, radius: delta.clamp(-radius, radius).clamp(0, 1),
        "The radius seems to be missing: only the pixel range is kept.",
        lambda delta, start, radius: (start + delta).clamp(0, 1) - start,
        "This is the changed picture: the change is asked for.",
        lambda delta, start, radius: start + boxed(delta, start, radius),
        "The whole picture seems to be scaled: that ends in the ball, but not at its nearest point.",
        lambda delta, start, radius: (
            (start + scaled(delta, delta.abs().amax((1, 2, 3), keepdim=True), radius)).clamp(0, 1) - start
        ),
    ),
    "notebook 02, One step; course_lib.constraints.LinfBall",
    Ask(alone=("delta", "start")),
)


def gradients(generator: Generator, shape: tuple[int, ...], count: int, vanishing: bool = False) -> Inputs:
    """Gradients of very different lengths, as they are in practice, and one that vanishes."""
    sizes = torch.tensor([0.0, 1.0]) if vanishing else torch.logspace(-7, 2, shape[0])
    return {"gradient": torch.randn(shape, generator=generator) * sizes.view(-1, 1, 1, 1), "count": count}


def places(scores: Tensor, count: int) -> Tensor:
    """1 at the `count` largest scores of each picture, 0 elsewhere."""
    flat = scores.flatten(1)
    return torch.zeros_like(flat).scatter(1, flat.topk(count, dim=1).indices, 1.0).view(scores.shape)


DIRECTION_SPARSE = Exercise(
    "ps1.direction_sparse",
    lambda gradient, count: -gradient.sign() * places(gradient.abs(), count),
    drawn(gradients, *zip(SHAPES, (9, 1, 20), strict=True), ((2, 3, 4, 4), 5, True)),
    (sound, downhill, value("lowers the loss the most"), *MANNERS),
    mistakes(
        "The sign is turned: this leads uphill.",
        lambda gradient, count: gradient.sign() * places(gradient.abs(), count),
        "The values seem to keep the gradient's sizes: each may go to its limit of 1.",
        lambda gradient, count: -gradient * places(gradient.abs(), count),
        "Every value changes: only `count` of them may.",
        lambda gradient, count: -gradient.sign(),
        "The largest gradients seem to be taken with their sign: a strongly negative one counts as much.",
        lambda gradient, count: -gradient.sign() * places(gradient, count),
        "The values seem to be chosen from the whole batch: every picture has `count` of its own.",
        lambda gradient, count: -gradient.sign() * places(gradient.abs()[None], count)[0],
        "The smallest gradients seem to be taken: there the loss hardly falls.",
        lambda gradient, count: -gradient.sign() * places(-gradient.abs(), count),
    ),
    "notebook 02, One step",
    Ask(alone=("gradient",)),
)


def labelled(
    generator: Generator, count: int, scale: float = 1.0, *, images: str = "images", labels: str = "labels"
) -> Inputs:
    """A linear classifier (its weights, small with `scale`), and pictures with labels, under these names."""
    classes, height, width = (between(*ends, generator) for ends in ((3, 6), (4, 5), (6, 7)))
    return {
        "weights": 0.3 * scale * torch.randn(classes, 3 * height * width, generator=generator),
        images: torch.rand(count, 3, height, width, generator=generator),
        labels: torch.randint(0, classes, (count,), generator=generator),
    }


def pictures(generator: Generator, *row: Any) -> Inputs:
    """Pictures, a linear classifier to attack, wanted classes and a schedule, from a row of these numbers."""
    count, radius, steps, step_size, scale = row
    schedule = {"radius": radius, "steps": steps, "step_size": step_size}
    return labelled(generator, count, scale, images="start", labels="target") | schedule


def entropy(logits: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(logits, target, reduction="none")


def margin(logits: Tensor, target: Tensor) -> Tensor:
    """How far the strongest of the other classes is above the target."""
    own = F.one_hot(target, logits.shape[1]).bool()
    return logits.masked_fill(own, -torch.inf).amax(1) - logits[own]


def stepped(  # type: ignore[no-untyped-def]
    images, gradient, start, *, radius, size,
    direction=along, ball=L2Ball, uphill=False, projected=True, centred=True, boxed=True,
) -> Tensor:  # fmt: skip
    """One step of PGD, or what is left of it without one of its parts."""
    moved = images + (size if uphill else -size) * direction(gradient)
    centre = start if centred else images
    moved = centre + ball(radius).project(moved - centre) if projected else moved
    return moved.clamp(0, 1) if boxed else moved


def pgd(*, model, start, target, steps, step_size, begin=None, loss=entropy, **how) -> Tensor:  # type: ignore[no-untyped-def]
    """The loop from `begin` (the start, where None); `how` says what its steps are like."""
    images = start.clone() if begin is None else begin
    for _ in range(steps):
        images = images.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(model(images), target).sum(), images)
        images = stepped(images.detach(), gradient, start, size=step_size, **how)
    return images


right_pgd = partial(pgd, loss=margin)

MARGIN_PGD = Exercise(
    "ps1.margin_pgd",
    right_pgd,
    drawn(pictures, (3, 1.0, 5, 0.5, 1.0), (1, 0.3, 4, 0.5, 1.0), (4, 5.0, 4, 0.2, 1e-3), (2, 1.0, 0, 0.5, 1.0)),
    (sound, inside("stays in the ball around the start"), box, value("takes the steps of targeted PGD", 3.0), *MANNERS),
    mistakes(
        "The loss seems to rise: towards a target, step against the gradient.",
        partial(right_pgd, uphill=True),
        "The projection seems to be missing.",
        partial(right_pgd, projected=False),
        "The pictures leave [0, 1]: clamp them after the projection.",
        partial(right_pgd, boxed=False),
        "The gradient seems to be used with its own length: normalise it.",
        partial(right_pgd, direction=torch.clone),
        "Each step seems to be projected around the last picture: the ball's centre is the start.",
        partial(right_pgd, centred=False),
        "This is the cross entropy: the margin compares two logits.",
        pgd,
        "The target itself seems to take part in the maximum: once it leads, nothing moves any more.",
        partial(pgd, loss=lambda logits, target: logits.amax(1) - logits.gather(1, target[:, None])[:, 0]),
        "The mean of all logits seems to be taken: only the strongest other class counts.",
        partial(pgd, loss=lambda logits, target: logits.mean(1) - logits.gather(1, target[:, None])[:, 0]),
        "One step too many seems to be taken: `for _ in range(steps)`.",
        lambda steps, **rest: right_pgd(steps=steps + 1, **rest),
        "The pictures do not move: is the result of a step kept?",
        lambda start, **_: start,
    ),
    "notebook 02, The loop; course_lib.pgd.step",
    Ask(alone=("start", "target"), model=True),
)

EXERCISES = (PROJECT_L2, PROJECT_PATCH, PROJECT_BOX, DIRECTION_SPARSE, MARGIN_PGD)
