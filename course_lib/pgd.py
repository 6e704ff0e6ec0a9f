"""Projected gradient descent on an image: the one primitive behind every task of the course.

Santurkar et al. 2019, section 2: move an image so that a loss falls, and keep it in a ball around a centre.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.constraints import Ball
from course_lib.doors import check_ball, check_batch, check_number, check_whole, plain
from course_lib.one_line import OneLine

Objective = Callable[[Tensor], Tensor]
"""(B, 3, H, W) images with pixels in [0, 1] -> (B,) losses, one for each image; smaller is better."""


@dataclass(frozen=True, repr=False)
class Problem(OneLine):
    """Minimise `objective` over images within `ball` around `centre` (the start, where None) and within [0, 1].

    `start` and `centre` are (B, 3, H, W); `step_size` is the length of a step in the ball's norm, in pixel units.
    """

    objective: Objective
    start: Tensor
    ball: Ball
    centre: Tensor | None = None
    steps: int = 60
    step_size: float = 1.0

    def __post_init__(self) -> None:
        given = {"start": self.start} if self.centre is None else {"start": self.start, "centre": self.centre}
        for name, images in given.items():
            check_batch(images, f"a {name}")
            object.__setattr__(self, name, plain(images))  # with their past, the graphs of all steps would be kept
        if self.centre is not None and self.centre.shape != self.start.shape:
            shapes = f"{tuple(self.start.shape)}, got {tuple(self.centre.shape)}"
            raise ValueError(f"expected a centre of the start's shape {shapes}")
        check_ball(self.ball)
        check_whole(self.steps, "steps", low=0)
        check_number(self.step_size, "step_size", low=0)


@dataclass(frozen=True, repr=False)
class Frame(OneLine):
    """The images after `step` steps and the losses OF these images; frame 0 is the start."""

    step: int
    images: Tensor
    losses: Tensor


def step(problem: Problem, images: Tensor) -> tuple[Tensor, Tensor]:
    """One step of projected gradient descent: (the next images, the losses of the GIVEN images).

    A step ends with two projections, first on the ball and then on the pixel box. Where the centre is in [0, 1] the
    result lies in both sets (clipping moves every pixel towards the centre), though another point may be nearer.
    """
    centre = problem.start if problem.centre is None else problem.centre
    losses, gradient = value_and_gradient(problem.objective, images)
    moved = images + problem.step_size * problem.ball.direction(gradient)
    return (centre + problem.ball.project(moved - centre)).clamp(0, 1), losses


def frames(problem: Problem) -> Iterator[Frame]:
    """Solve a problem step by step: yields `steps + 1` frames. Stop iterating, and the work stops."""
    images = problem.start
    for number in range(problem.steps):
        following, losses = step(problem, images)
        yield Frame(number, images, losses)
        images = following
    with torch.no_grad():
        losses = losses_of(problem.objective, images)
    yield Frame(problem.steps, images, losses)


def solve(problem: Problem) -> Tensor:
    """The images after the last step, (B, 3, H, W)."""
    images = problem.start
    for _ in range(problem.steps):
        images, _ = step(problem, images)
    return images


def value_and_gradient(objective: Objective, images: Tensor) -> tuple[Tensor, Tensor]:
    """Losses (B,) and their gradients (B, 3, H, W). Differentiating the sum keeps the images of a batch independent."""
    with torch.inference_mode(False), torch.enable_grad():
        images = plain(images).requires_grad_()
        losses = losses_of(objective, images)
        (gradient,) = torch.autograd.grad(losses.sum(), images)
    return losses.detach(), gradient


def losses_of(objective: Objective, images: Tensor) -> Tensor:
    """The losses (B,) of images (B, 3, H, W); ValueError where the objective gives anything else."""
    losses = objective(images)
    if losses.shape != images.shape[:1]:
        raise ValueError(f"expected one loss for each image, ({len(images)},), got shape {tuple(losses.shape)}")
    return losses
