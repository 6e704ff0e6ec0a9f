"""Norm balls, against their definitions: nearest point, steepest direction, random points inside."""

import math
import re
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from torch import Tensor

from course_lib.constraints import Ball, L2Ball, LinfBall, NoBall, norms

ORDER = {L2Ball: 2, LinfBall: math.inf, NoBall: 2}  # the norm of each ball
DUAL = {L2Ball: 2, LinfBall: 1, NoBall: 2}  # max <g, d> over |d| <= 1 is the dual norm of g
DTYPES = [torch.float32, torch.float64]
TOLERANCE = {torch.float32: 2e-6, torch.float64: 1e-14}

radii = st.sampled_from([0.0, 40.0, math.inf]) | st.floats(2**-10, 10)
balls = st.builds(L2Ball, radii) | st.builds(LinfBall, radii) | st.builds(NoBall)


@st.composite
def batches(draw: Any, smallest: float = 2**-10) -> Tensor:
    """(B, C, H, W) in single or double precision; values are 0 or between `smallest` and 4 in size."""
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(hnp.array_shapes(min_dims=4, max_dims=4, max_side=3))
    values = st.just(0.0) | st.floats(smallest, 4, width=32) | st.floats(-4, -smallest, width=32)
    return torch.from_numpy(draw(hnp.arrays(np.float64, shape, elements=values))).to(dtype)


def length(delta: Tensor, order: float) -> Tensor:
    """The norm of each item, by its definition: (B, ...) -> (B,)."""
    sizes = delta.flatten(1).abs()
    return {1: sizes.sum(1), 2: sizes.square().sum(1).sqrt(), math.inf: sizes.amax(1)}[order]


def inner(one: Tensor, other: Tensor) -> Tensor:
    return (one * other).flatten(1).sum(1)


@given(balls, batches())
def test_projection_lies_in_the_ball_and_keeps_what_is_inside(ball: Ball, delta: Tensor) -> None:
    before = delta.clone()
    projected = ball.project(delta)
    slack = 1 + TOLERANCE[delta.dtype]
    assert torch.equal(delta, before), "changed in place"
    assert projected.dtype == delta.dtype
    assert projected.shape == delta.shape
    assert (length(projected, ORDER[type(ball)]) <= ball.radius * slack).all()
    inside = length(delta, ORDER[type(ball)]) * slack <= ball.radius
    assert torch.equal(projected[inside], delta[inside])
    torch.testing.assert_close(ball.project(projected), projected, rtol=TOLERANCE[delta.dtype], atol=0)


@given(balls, batches())
def test_projection_is_the_closed_form(ball: Ball, delta: Tensor) -> None:
    for item, projected in zip(delta.numpy(), ball.project(delta).numpy(), strict=True):
        size = np.linalg.norm(item)
        expected = {
            L2Ball: item if size <= ball.radius else item / size * ball.radius,
            LinfBall: np.minimum(np.maximum(item, -ball.radius), ball.radius),
            NoBall: item,
        }[type(ball)]
        np.testing.assert_allclose(projected, expected, rtol=TOLERANCE[delta.dtype], atol=0)


@pytest.mark.parametrize("kind", [L2Ball, LinfBall])
@settings(max_examples=25)
@given(radius=st.floats(0.1, 2), point=st.tuples(st.floats(-4, 4), st.floats(-4, 4)))
def test_no_point_of_a_fine_grid_in_the_ball_is_nearer(
    kind: type[L2Ball | LinfBall], radius: float, point: tuple[float, float]
) -> None:
    """Brute force in the plane, knowing only what the ball is."""
    axis = torch.linspace(-radius, radius, 201, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    grid = grid[length(grid, ORDER[kind]) <= radius]
    delta = torch.tensor([point], dtype=torch.float64)
    nearest = length(grid - delta, 2).min()
    distance = length(kind(radius).project(delta) - delta, 2).item()
    assert nearest - 0.015 * radius <= distance <= nearest + 1e-12  # the grid has steps of radius / 100


@given(balls, batches())
def test_projection_and_direction_know_no_neighbours(ball: Ball, batch: Tensor) -> None:
    for function in (ball.project, ball.direction):
        alone = torch.cat([function(batch[i : i + 1]) for i in range(len(batch))])
        torch.testing.assert_close(function(batch), alone, rtol=TOLERANCE[batch.dtype], atol=0)


@given(balls, batches())
def test_direction_has_length_one_and_reaches_the_dual_norm(ball: Ball, gradient: Tensor) -> None:
    before = gradient.clone()
    direction = ball.direction(gradient)
    tolerance = 4 * TOLERANCE[gradient.dtype]
    assert torch.equal(gradient, before), "changed in place"
    assert direction.dtype == gradient.dtype
    zero = length(gradient, 2) == 0
    assert (direction[zero] == 0).all()
    lengths = length(direction[~zero], ORDER[type(ball)])
    torch.testing.assert_close(lengths, torch.ones_like(lengths), rtol=tolerance, atol=0)
    torch.testing.assert_close(inner(gradient, direction), -length(gradient, DUAL[type(ball)]), rtol=tolerance, atol=0)


@given(balls, batches(), st.integers(0, 2**32))
def test_no_other_unit_vector_descends_more(ball: Ball, gradient: Tensor, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    lowest = inner(gradient, ball.direction(gradient))
    for _ in range(20):
        other = torch.randn(gradient.shape, generator=generator, dtype=gradient.dtype)
        other = other / length(other, ORDER[type(ball)]).view(-1, 1, 1, 1)
        assert (inner(gradient, other) >= lowest - 1e-5).all()


@pytest.mark.parametrize("ball", [L2Ball(1.0), LinfBall(1.0), NoBall()], ids=repr)
@pytest.mark.parametrize("dtype", DTYPES)
def test_tiny_and_huge_values_stay_finite(ball: Ball, dtype: torch.dtype) -> None:
    for size in (0.0, 1e-30, 1e-12, 1e15):
        batch = torch.full((2, 3, 4, 4), size, dtype=dtype)
        assert ball.direction(batch).isfinite().all()
        assert ball.project(batch).isfinite().all()


@given(st.builds(L2Ball, st.floats(0, 50)) | st.builds(LinfBall, st.floats(0, 50)), batches(), st.integers(0, 2**32))
def test_samples_lie_inside_and_follow_the_seed(ball: Ball, like: Tensor, seed: int) -> None:
    sample = ball.sample(like, generator=torch.Generator().manual_seed(seed))
    assert sample.shape == like.shape
    assert sample.dtype == like.dtype
    assert (length(sample, ORDER[type(ball)]) <= ball.radius * (1 + 2e-6)).all()
    assert torch.equal(sample, ball.sample(like, generator=torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize("ball", [L2Ball(3.0), LinfBall(3.0)], ids=repr)
def test_samples_fill_the_ball(ball: Ball) -> None:
    """2,000 points: no preferred side, some near the centre, some near the surface, and none like its neighbour."""
    sample = ball.sample(torch.zeros(2000, 1, 1, 2), generator=torch.Generator().manual_seed(0))
    lengths = length(sample, ORDER[type(ball)])
    assert sample.mean(0).abs().max() < 0.2
    assert lengths.min() < 0.2
    assert lengths.max() > 2.9
    assert len(sample.flatten(1).unique(dim=0)) == 2000
    if isinstance(ball, L2Ball):  # lengths uniform between 0 and 3
        assert (lengths.sort().values - torch.linspace(0, 3, 2000)).abs().max() < 0.12
    else:  # values uniform between -3 and 3
        assert (sample.flatten().sort().values - torch.linspace(-3, 3, 4000)).abs().max() < 0.15


def test_sampling_leaves_the_global_generator_alone() -> None:
    state = torch.get_rng_state()
    for ball in (L2Ball(1.0), LinfBall(1.0)):
        ball.sample(torch.zeros(2, 3, 4, 4), generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("radius", [math.nan, -1.0, -math.inf, "5", None, [1.0], torch.ones(2)])
@pytest.mark.parametrize("kind", [L2Ball, LinfBall])
def test_a_radius_that_is_none_is_refused(kind: type[L2Ball | LinfBall], radius: Any) -> None:
    with pytest.raises(ValueError, match=f"^expected a radius of at least 0, got {re.escape(repr(radius))}$"):
        kind(radius)


def test_nothing_can_be_drawn_from_no_ball() -> None:
    with pytest.raises(ValueError, match="finite radius"):
        NoBall().sample(torch.zeros(1, 3, 2, 2), generator=torch.Generator())


def test_norms_are_per_image_and_broadcast() -> None:
    batch = torch.tensor([[[[3.0, 4.0]]], [[[0.0, 0.0]]]])
    assert norms(batch).tolist() == [[[[5.0]]], [[[0.0]]]]
