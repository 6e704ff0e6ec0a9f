"""Problem set 1: projections, directions, and the loop."""

from collections.abc import Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_lib.checks.asking import Ask, Function, Inputs, Outputs
from course_lib.checks.exercise import INDEPENDENT, SOUND, UNCHANGED, Exercise, Mistake, Rule, value
from course_lib.constraints import L2Ball, LinfBall, norms
from course_lib.pgd import solve
from course_lib.tasks import refine

SHAPES = ((3, 3, 8, 8), (1, 3, 4, 6), (5, 1, 7, 7))


def changes(generator: Generator, *, scale: float) -> Iterator[Inputs]:
    """Changes far outside, far inside, on both sides within a batch, and none at all."""
    for shape in SHAPES:
        delta = torch.randn(shape, generator=generator)
        sizes = torch.linspace(0.2, 3.0, shape[0]).view(-1, 1, 1, 1)
        yield {"delta": delta * sizes, "radius": scale * (1 + torch.rand((), generator=generator).item())}
    yield {"delta": 0.01 * torch.randn(2, 3, 4, 4, generator=generator), "radius": scale}
    yield {"delta": torch.zeros(2, 3, 4, 4), "radius": scale}


def inside(name: str, length: Function = norms) -> Rule:
    """No result is further from its start, if there is one, than the radius."""

    def broken(inputs: Inputs, outputs: Outputs, _: Outputs) -> str | None:
        longest, radius = length(outputs["result"] - inputs.get("start", 0)).max().item(), inputs["radius"]
        return None if longest <= radius + 1e-4 else f"expected a length of at most {radius:.3g}, got {longest:.3g}"

    return Rule(name, broken)


def keeps_what_is_inside(inputs: Inputs, outputs: Outputs, right: Outputs) -> str | None:
    within = (right["result"] == inputs["delta"]).flatten(1).all(1)
    same = torch.allclose(outputs["result"][within], inputs["delta"][within], atol=1e-6)
    return None if same else "expected a change that is inside already to stay as it is, but it was moved"


def along(gradient: Tensor) -> Tensor:
    return gradient / norms(gradient).clamp(min=1e-12)


def scaled(delta: Tensor, length: Tensor, radius: float) -> Tensor:
    """The projection for one notion of length."""
    return delta * (radius / length.clamp(min=1e-12)).clamp(max=1)


PROJECT_L2 = Exercise(
    "ps1.project_l2",
    lambda delta, radius: L2Ball(radius).project(delta),
    lambda generator: changes(generator, scale=2.0),
    (
        SOUND,
        inside("ends within the L2 ball"),
        Rule("leaves a change that is inside as it is", keeps_what_is_inside),
        value("is the nearest point of the ball"),
        INDEPENDENT,
        UNCHANGED,
    ),
    (
        Mistake(
            lambda delta, radius: scaled(delta, delta.norm(), radius),
            "The norm seems to be taken over the whole batch: sum over dimensions 1, 2 and 3 only.",
        ),
        Mistake(
            lambda delta, radius: scaled(delta, delta.norm(dim=(2, 3), keepdim=True), radius),
            "Each colour channel seems to get a norm of its own: one picture has one length.",
        ),
        Mistake(
            lambda delta, radius: scaled(delta, norms(delta).square(), radius),
            "A square root seems to be missing in the norm.",
        ),
        Mistake(
            lambda delta, radius: radius * along(delta),
            "Everything seems to be moved to the surface: only what is outside has to move.",
        ),
        Mistake(
            lambda delta, radius: delta * (norms(delta) / radius).clamp(max=1),
            "The fraction seems to be upside down: scale by radius / norm, not norm / radius.",
        ),
        Mistake(
            lambda delta, radius: delta.clamp(-radius, radius),
            "This clamps every value: that is the projection on an L-infinity ball.",
        ),
        Mistake(lambda delta, radius: delta, "Nothing seems to be projected."),
        Mistake(
            lambda delta, radius: delta * radius / norms(delta),
            "A change of length zero seems to be divided by its length: keep the norm above 1e-12.",
        ),
    ),
    "notebook 02, The loop; course_lib.constraints.L2Ball",
    Ask(alone=("delta",)),
)
PROJECT_LINF = Exercise(
    "ps1.project_linf",
    lambda delta, radius: LinfBall(radius).project(delta),
    lambda generator: changes(generator, scale=0.5),
    (
        SOUND,
        inside("ends within the L-infinity ball", torch.abs),
        Rule("leaves a change that is inside as it is", keeps_what_is_inside),
        value("is the nearest point of the ball"),
        UNCHANGED,
    ),
    (
        Mistake(
            lambda delta, radius: delta.clamp(max=radius),
            "Only the upper side seems to be clamped: -radius counts, too.",
        ),
        Mistake(
            lambda delta, radius: delta.clamp(min=-radius),
            "Only the lower side seems to be clamped: radius counts, too.",
        ),
        Mistake(lambda delta, radius: delta.clamp(0, 1), "This clamps to the pixel range: a change may be negative."),
        Mistake(
            lambda delta, radius: L2Ball(radius).project(delta),
            "This is the L2 projection: in the L-infinity ball every value counts on its own.",
        ),
        Mistake(
            lambda delta, radius: scaled(delta, delta.abs().amax((1, 2, 3), keepdim=True), radius),
            "The whole picture seems to be scaled: that ends in the ball, but not at its nearest point.",
        ),
        Mistake(
            lambda delta, radius: radius * delta.sign(),
            "Every value seems to be moved to the surface: take the sign only of what is outside.",
        ),
    ),
    "notebook 02, One step; course_lib.constraints.LinfBall",
    Ask(alone=("delta",)),
)


def gradients(generator: Generator) -> Iterator[Inputs]:
    """Gradients of very different lengths, as they are in practice, and one that vanishes."""
    for shape in SHAPES:
        sizes = torch.logspace(-4, 2, shape[0]).view(-1, 1, 1, 1)
        yield {"gradient": torch.randn(shape, generator=generator) * sizes}
    yield {"gradient": torch.cat([torch.zeros(1, 3, 4, 4), torch.randn(1, 3, 4, 4, generator=generator)])}


def leads_downhill(inputs: Inputs, outputs: Outputs, _: Outputs) -> str | None:
    rises = ((inputs["gradient"] * outputs["result"]).flatten(1).sum(1) > 1e-9).any()
    return "expected a direction in which the loss falls, got one in which it rises" if rises else None


DIRECTION_L2 = Exercise(
    "ps1.direction_l2",
    lambda gradient: L2Ball(1.0).direction(gradient),
    gradients,
    (SOUND, Rule("leads downhill", leads_downhill), value("has length 1 along the gradient"), INDEPENDENT, UNCHANGED),
    (
        Mistake(along, "The sign is missing: this leads uphill."),
        Mistake(lambda gradient: -gradient, "The length is missing: divide each gradient by its norm."),
        Mistake(lambda gradient: -gradient.sign(), "This is the direction of the L-infinity ball."),
        Mistake(
            lambda gradient: -gradient / gradient.norm().clamp(min=1e-12),
            "The norm seems to be taken over the whole batch: sum over dimensions 1, 2 and 3 only.",
        ),
        Mistake(lambda gradient: -gradient / norms(gradient), "A gradient of zero seems to be divided by its length."),
        Mistake(
            lambda gradient: -gradient / norms(gradient).square().clamp(min=1e-12),
            "A square root seems to be missing in the norm.",
        ),
    ),
    "notebook 02, One step",
    Ask(alone=("gradient",)),
)


def pictures(generator: Generator) -> Iterator[Inputs]:
    """Pictures, a linear classifier to attack (its weights), wanted classes and a schedule."""
    for count, radius, steps, step_size in ((3, 1.0, 5, 0.5), (1, 0.3, 4, 0.5), (4, 5.0, 3, 0.2), (2, 1.0, 0, 0.5)):
        yield {
            "weights": torch.randn(4, 3 * 6 * 6, generator=generator),
            "start": torch.rand(count, 3, 6, 6, generator=generator),
            "target": torch.randint(0, 4, (count,), generator=generator),
            "radius": radius,
            "steps": steps,
            "step_size": step_size,
        }


def pgd(step, *, model, start, target, radius, steps, step_size, begin=None):  # type: ignore[no-untyped-def]
    """The loop from `begin` (the start, where None); a step is given images, gradient, start, radius and step size."""
    images = start.clone() if begin is None else begin
    for _ in range(steps):
        images = images.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(F.cross_entropy(model(images), target, reduction="sum"), images)
        images = step(images.detach(), gradient, start, radius, step_size)
    return images


def back(images: Tensor, start: Tensor, radius: float) -> Tensor:
    return start + L2Ball(radius).project(images - start)


WRONG_STEPS: dict[str, Function] = {
    "The loss seems to rise: towards a target, step against the gradient.": lambda x, g, start, radius, size: back(
        x + size * along(g), start, radius
    ).clamp(0, 1),
    "The projection seems to be missing.": lambda x, g, start, radius, size: (x - size * along(g)).clamp(0, 1),
    "The pictures leave [0, 1]: clamp them after the projection.": lambda x, g, start, radius, size: back(
        x - size * along(g), start, radius
    ),
    "The gradient seems to be used with its own length: normalise it.": lambda x, g, start, radius, size: back(
        x - size * g, start, radius
    ).clamp(0, 1),
    "Each step seems to be projected around the last picture: the ball's centre is the start.": (
        lambda x, g, start, radius, size: back(x - size * along(g), x, radius).clamp(0, 1)
    ),
    "This takes the sign of the gradient: that is the L-infinity direction.": lambda x, g, start, radius, size: back(
        x - size * g.sign(), start, radius
    ).clamp(0, 1),
    "The norm seems to be taken over the whole batch: sum over dimensions 1, 2 and 3 only.": (
        lambda x, g, start, radius, size: back(x - size * g / g.norm().clamp(min=1e-12), start, radius).clamp(0, 1)
    ),
}


def right_pgd(model, start, target, radius, steps, step_size):  # type: ignore[no-untyped-def]
    return solve(refine(model, start, target, ball=L2Ball(radius), steps=steps, step_size=step_size))


def in_the_box(_: Inputs, outputs: Outputs, __: Outputs) -> str | None:
    low, high = outputs["result"].min().item(), outputs["result"].max().item()
    return None if low >= 0 and high <= 1 else f"expected pixels in [0, 1], got {low:.3g} to {high:.3g}"


TARGETED_PGD = Exercise(
    "ps1.targeted_pgd",
    right_pgd,
    pictures,
    (
        SOUND,
        inside("stays in the ball around the start"),
        Rule("stays within [0, 1]", in_the_box),
        value("takes the steps of targeted PGD", points=3.0),
        INDEPENDENT,
        UNCHANGED,
    ),
    (
        *(Mistake(partial(pgd, step), hint) for hint, step in WRONG_STEPS.items()),
        Mistake(
            lambda steps, **rest: right_pgd(steps=steps + 1, **rest),
            "One step too many seems to be taken: `for _ in range(steps)`.",
        ),
        Mistake(lambda start, **_: start, "The pictures do not move: is the result of a step kept?"),
    ),
    "notebook 02, The loop; course_lib.pgd.step",
    Ask(alone=("start", "target"), model=True),
)

EXERCISES = (PROJECT_L2, PROJECT_LINF, DIRECTION_L2, TARGETED_PGD)
