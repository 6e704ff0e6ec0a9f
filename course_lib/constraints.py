"""Norm balls: where a perturbation may lie, and which way is steepest inside that geometry.

Notation: a perturbation `delta` and a `gradient` are batches of shape (B, ...); every image of the batch has its own
norm. Radii are in pixel units, with pixels in [0, 1] and the norm taken over the whole image (all channels).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

TINY = 1e-12  # keeps 0 / 0 out: a zero gradient gives a zero direction


def norms(batch: Tensor) -> Tensor:
    """L2 norm of every item of a batch (B, ...) -> (B, 1, ...), ready to broadcast."""
    return torch.linalg.vector_norm(batch, dim=tuple(range(1, batch.ndim)), keepdim=True)


def against(gradient: Tensor) -> Tensor:
    """The direction of L2 length 1 that goes down a gradient the most, and 0 where that is 0."""
    return -gradient / norms(gradient).clamp(min=TINY)


class Ball(Protocol):
    """The geometry of a perturbation set."""

    @property
    def radius(self) -> float: ...

    def project(self, delta: Tensor) -> Tensor:
        """The nearest perturbation inside the ball, in L2 distance."""
        ...

    def direction(self, gradient: Tensor) -> Tensor:
        """The step of length 1 in this norm that lowers a linear loss the most."""
        ...

    def sample(self, like: Tensor, *, generator: torch.Generator) -> Tensor:
        """A random perturbation inside the ball, of the shape and type of `like`."""
        ...


@dataclass(frozen=True)
class L2Ball:
    """All perturbations with an L2 norm of at most `radius`."""

    radius: float

    def __post_init__(self) -> None:
        check_radius(self.radius)

    def project(self, delta: Tensor) -> Tensor:
        return delta * (self.radius / norms(delta).clamp(min=TINY)).clamp(max=1)

    def direction(self, gradient: Tensor) -> Tensor:
        return against(gradient)

    def sample(self, like: Tensor, *, generator: torch.Generator) -> Tensor:
        """A direction without preference, and a length uniform between 0 and the radius."""
        noise = draw(torch.randn, like, generator)
        lengths = self.radius * draw(torch.rand, norms(noise), generator)
        return lengths * noise / norms(noise).clamp(min=TINY)


@dataclass(frozen=True)
class LinfBall:
    """All perturbations that change no value by more than `radius`."""

    radius: float

    def __post_init__(self) -> None:
        check_radius(self.radius)

    def project(self, delta: Tensor) -> Tensor:
        return delta.clamp(-self.radius, self.radius)

    def direction(self, gradient: Tensor) -> Tensor:
        return -gradient.sign()

    def sample(self, like: Tensor, *, generator: torch.Generator) -> Tensor:
        """Every value uniform between -radius and radius."""
        return self.radius * (2 * draw(torch.rand, like, generator) - 1)


@dataclass(frozen=True)
class NoBall(L2Ball):
    """No constraint but the pixel box; steps have L2 length 1."""

    radius: float = math.inf

    def sample(self, like: Tensor, *, generator: torch.Generator) -> Tensor:
        raise ValueError("expected a ball of finite radius to draw from, got NoBall")


def check_radius(radius: float) -> None:
    """Refuse a radius that is not a number of at least 0 (infinity is allowed)."""
    try:
        fits = bool(radius >= 0)
    except (TypeError, RuntimeError):  # of a text, of a tensor of several
        fits = False
    if not fits:
        raise ValueError(f"expected a radius of at least 0, got {radius!r}")


def draw(function: Callable[..., Tensor], like: Tensor, generator: torch.Generator) -> Tensor:
    """`torch.rand` or `torch.randn` on the generator's device, moved to where `like` is."""
    return function(like.shape, generator=generator, device=generator.device, dtype=like.dtype).to(like.device)
