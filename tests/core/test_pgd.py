"""The primitive, against problems whose answer is known, and against what a caller relies on."""

import math
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from itertools import islice, pairwise
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from torch import Tensor, nn

from course_lib.constraints import Ball, L2Ball, LinfBall, NoBall, norms
from course_lib.models import residual_network
from course_lib.pgd import Frame, Objective, Problem, frames, solve

BALLS = [L2Ball(0.8), LinfBall(0.1), NoBall()]


def random_images(seed: int, *, count: int = 3, size: int = 4, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def half_square(target: Tensor) -> Objective:
    """|x - target|^2 / 2, whose minimum in a convex set is the projection of the target."""
    return lambda images: (images - target).square().flatten(1).sum(1) / 2


def hilly(images: Tensor) -> Tensor:
    """A smooth objective with many local minima, different at every pixel."""
    weights = torch.linspace(1, 9, images[0].numel(), dtype=images.dtype).view_as(images[0])
    return (weights * images).sin().flatten(1).sum(1)


class Counting:
    """An objective that counts its calls."""

    def __init__(self, objective: Objective = hilly) -> None:
        self.objective, self.calls = objective, 0

    def __call__(self, images: Tensor) -> Tensor:
        self.calls += 1
        return self.objective(images)


@pytest.fixture(scope="module")
def model() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return residual_network((4, 6), 5).double().eval()


@pytest.mark.parametrize("start_at_centre", [True, False])
def test_quadratic_in_an_l2_ball_ends_at_the_projection_of_the_target(start_at_centre: bool) -> None:
    centre, target = 0.3 + 0.4 * random_images(0), random_images(1)
    radius = 0.5 * norms(target - centre).min().item()
    optimum = centre + (target - centre) / norms(target - centre) * radius
    assert ((optimum >= 0) & (optimum <= 1)).all(), "the box would matter, too"
    offset = random_images(2) - 0.5
    start = centre if start_at_centre else centre + offset / norms(offset) * 0.9 * radius
    result = solve(Problem(half_square(target), start, L2Ball(radius), centre=centre, steps=300, step_size=0.2))
    torch.testing.assert_close(result, optimum, rtol=0, atol=1e-9)


def test_quadratic_in_an_linf_ball_ends_at_the_clamped_target() -> None:
    centre, target, step = random_images(0), 3 * random_images(1) - 1, 0.002
    optimum = target.clamp(centre - 0.1, centre + 0.1).clamp(0, 1)
    result = solve(Problem(half_square(target), centre, LinfBall(0.1), steps=100, step_size=step))
    assert (result - optimum).abs().max() <= step
    outside = (target - centre).abs() > 0.1
    torch.testing.assert_close(result[outside], optimum[outside], rtol=0, atol=1e-12)


def test_quadratic_without_a_ball_ends_at_the_target_in_the_box() -> None:
    start, target = random_images(0), 1.6 * random_images(1) - 0.3
    step, optimum = 0.02, target.clamp(0, 1)
    result = solve(Problem(half_square(target), start, NoBall(), steps=1500, step_size=step))
    assert norms(result - optimum).max() <= step
    assert torch.equal(result[optimum != target], optimum[optimum != target])


def test_quadratic_whose_target_lies_inside_is_reached_within_a_step() -> None:
    start, target = random_images(0), random_images(1)
    result = solve(Problem(half_square(target), start, L2Ball(100.0), steps=100, step_size=0.1))
    assert norms(result - target).max() <= 0.1


def test_a_step_in_the_open_has_the_step_size() -> None:
    start = 0.4 + 0.2 * random_images(0)
    for ball, order in ((L2Ball(9.0), 2), (LinfBall(9.0), math.inf), (NoBall(), 2)):
        moved = solve(Problem(hilly, start, ball, steps=1, step_size=0.05)) - start
        lengths = torch.linalg.vector_norm(moved.flatten(1), ord=order, dim=1)
        torch.testing.assert_close(lengths, torch.full_like(lengths, 0.05))


@pytest.mark.parametrize("ball", [L2Ball(9.0), LinfBall(9.0), NoBall()], ids=repr)
def test_five_small_steps_lower_the_loss_at_each(ball: Ball) -> None:
    losses = [frame.losses for frame in frames(Problem(hilly, random_images(0), ball, steps=5, step_size=0.005))]
    assert all((after < before).all() for before, after in pairwise(losses))


@settings(max_examples=60)
@given(
    ball=st.builds(L2Ball, st.floats(0, 3)) | st.builds(LinfBall, st.floats(0, 1)) | st.just(NoBall()),
    step_size=st.floats(0, 5),
    seed=st.integers(0, 2**32),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    spread=st.floats(0, 2),
)
def test_every_frame_after_the_start_is_in_ball_and_box(
    ball: Ball, step_size: float, seed: int, dtype: torch.dtype, spread: float
) -> None:
    """For any centre in the box, those on its edge included, and any start."""
    centre = (2 * random_images(seed, dtype=dtype) - 0.5).clamp(0, 1)
    start = centre + spread * (random_images(seed + 1, dtype=dtype) - 0.5)
    for frame in islice(frames(Problem(hilly, start, ball, centre=centre, steps=4, step_size=step_size)), 1, None):
        assert ((frame.images >= 0) & (frame.images <= 1)).all()
        delta = (frame.images - centre).flatten(1)
        lengths = torch.linalg.vector_norm(delta, ord=math.inf if isinstance(ball, LinfBall) else 2, dim=1)
        assert (lengths <= ball.radius * (1 + 1e-5) + 1e-6).all()


def both_projections(images: Tensor, centre: Tensor, ball: Ball) -> Tensor:
    """What ends a step: a step of length 0."""
    return solve(Problem(hilly, images, ball, centre=centre, steps=1, step_size=0.0))


@pytest.mark.parametrize("ball", BALLS, ids=repr)
def test_the_two_projections_are_idempotent(ball: Ball) -> None:
    centre, far = (2 * random_images(0, count=50) - 0.5).clamp(0, 1), 4 * random_images(1, count=50) - 2
    once = both_projections(far, centre, ball)
    assert (once - far).abs().max() > 0.1
    torch.testing.assert_close(both_projections(once, centre, ball), once, rtol=0, atol=1e-14)


def test_the_two_projections_are_not_the_nearest_point_of_the_intersection() -> None:
    """Two pixels, centre (0, 0), radius 1, from (-3, 1): the ball also shortens the part that the box leaves alone."""
    centre, far = torch.zeros(1, 1, 1, 2), torch.tensor([[[[-3.0, 1.0]]]])
    result = both_projections(far, centre, L2Ball(1.0))
    nearest = torch.tensor([[[[0.0, 1.0]]]])  # feasible, and straight above: no point with x >= 0 and y <= 1 is nearer
    torch.testing.assert_close(result, torch.tensor([[[[0.0, 1 / math.sqrt(10)]]]]))
    assert norms(nearest - far) < norms(result - far) - 0.07


def test_the_centre_is_the_start_unless_it_is_given() -> None:
    start, centre = random_images(0), random_images(1)
    around_start = solve(Problem(hilly, start, L2Ball(0.1), steps=5))
    around_centre = solve(Problem(hilly, start, L2Ball(0.1), centre=centre, steps=5))
    assert norms(around_start - start).max() <= 0.1 + 1e-12
    assert norms(around_centre - centre).max() <= 0.1 + 1e-12


@pytest.mark.parametrize("steps", [0, 1, 7])
@pytest.mark.parametrize("ball", BALLS, ids=repr)
def test_frames_are_steps_and_one_with_the_losses_of_their_own_images(ball: Ball, steps: int) -> None:
    problem = Problem(hilly, random_images(0), ball, steps=steps, step_size=0.3)
    kept = list(frames(problem))
    assert [frame.step for frame in kept] == list(range(steps + 1))
    assert torch.equal(kept[0].images, problem.start)
    for frame in kept:
        assert frame.losses.shape == (3,)
        torch.testing.assert_close(frame.losses, hilly(frame.images), rtol=1e-12, atol=0)
    assert torch.equal(solve(problem), kept[-1].images)


def test_every_frame_has_its_own_images() -> None:
    """Nothing is overwritten while the steps go on: a player keeps frames."""
    kept, copies = [], []
    for frame in frames(Problem(hilly, random_images(0), L2Ball(1.0), steps=5, step_size=0.3)):
        kept.append(frame.images)
        copies.append(frame.images.clone())
    assert all(torch.equal(image, copy) for image, copy in zip(kept, copies, strict=True))


def test_no_step_is_computed_before_it_is_asked_for_and_none_after_closing() -> None:
    objective = Counting()
    generator = frames(Problem(objective, random_images(0), L2Ball(1.0), steps=1000))
    assert objective.calls == 0
    for wanted in range(1, 4):
        assert next(generator).step == wanted - 1
        assert objective.calls == wanted
    generator.close()
    assert list(generator) == []
    assert objective.calls == 3


def test_a_whole_run_evaluates_the_objective_once_a_step() -> None:
    for run, calls in ((solve, 10), (lambda problem: list(frames(problem)), 11)):
        objective = Counting()
        run(Problem(objective, random_images(0), L2Ball(1.0), steps=10))
        assert objective.calls == calls


def test_nothing_global_changes_between_two_frames(model: nn.Module) -> None:
    labels = torch.tensor([0, 1, 2])
    problem = Problem(
        lambda x: F.cross_entropy(model(x), labels, reduction="none"), random_images(0), L2Ball(1.0), steps=3
    )
    for enabled in (True, False):
        with torch.set_grad_enabled(enabled):
            for _ in frames(problem):
                assert torch.is_grad_enabled() is enabled
                assert not model.training


def towards(model: nn.Module, labels: Tensor) -> Callable[[slice], Objective]:
    """Cross entropy for a part of a batch."""
    return lambda part: lambda images: F.cross_entropy(model(images), labels[part], reduction="none")


@pytest.mark.parametrize("ball", BALLS, ids=repr)
def test_a_batch_gives_what_its_images_give_one_by_one(model: nn.Module, ball: Ball) -> None:
    images, loss = random_images(0, size=8), towards(model, torch.tensor([4, 1, 2]))
    options: dict[str, Any] = {"steps": 10, "step_size": 0.05}
    together = solve(Problem(loss(slice(None)), images, ball, **options))
    alone = [solve(Problem(loss(slice(i, i + 1)), images[i : i + 1], ball, **options)) for i in range(3)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-10)


def test_no_gradient_is_left_anywhere_and_the_start_is_not_touched(model: nn.Module) -> None:
    start, centre = random_images(0), random_images(1)
    before, weights = start.clone(), [parameter.clone() for parameter in model.parameters()]
    loss = towards(model, torch.tensor([0, 1, 2]))(slice(None))
    kept = list(frames(Problem(loss, start, L2Ball(1.0), centre=centre, steps=3)))
    for tensor in (start, centre, *model.parameters()):
        assert tensor.grad is None
    for frame in kept:
        assert not frame.images.requires_grad
        assert not frame.losses.requires_grad
    assert torch.equal(start, before)
    assert not start.requires_grad
    assert all(torch.equal(old, new) for old, new in zip(weights, model.parameters(), strict=True))


def test_it_works_where_gradients_are_off(model: nn.Module) -> None:
    problem = Problem(towards(model, torch.tensor([0, 1, 2]))(slice(None)), random_images(0), L2Ball(1.0), steps=3)
    expected = solve(problem)
    with torch.no_grad():
        assert torch.equal(solve(problem), expected)
        assert torch.equal(list(frames(problem))[-1].images, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("ball", BALLS, ids=repr)
def test_the_precision_is_kept(ball: Ball, dtype: torch.dtype) -> None:
    for frame in frames(Problem(hilly, random_images(0, dtype=dtype), ball, steps=2)):
        assert frame.images.dtype == frame.losses.dtype == dtype


@pytest.mark.parametrize("ball", BALLS, ids=repr)
def test_the_first_step_is_finite_for_a_norm_at_its_zero(ball: Ball) -> None:
    """Equations 3 and 5 have an un-squared norm, whose derivative at the start is 0 / 0."""
    start = random_images(0)

    def stray(images: Tensor) -> Tensor:
        return torch.linalg.vector_norm(images - start, dim=(1, 2, 3))

    kept: list[Frame] = list(frames(Problem(stray, start, ball, steps=2)))
    assert torch.equal(kept[1].images, start), "a norm at its minimum pulls nowhere"
    for frame in frames(Problem(lambda x: hilly(x) + 10 * stray(x), start, ball, steps=5)):
        assert frame.images.isfinite().all()
        assert frame.losses.isfinite().all()


def test_an_objective_that_is_flat_leaves_the_images_where_they_are() -> None:
    start = random_images(0)
    for ball in BALLS:
        assert torch.equal(solve(Problem(lambda x: 0 * x.sum((1, 2, 3)), start, ball, steps=3)), start)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": torch.zeros(3, 4, 4)}, r"expected a start \(B, 3, H, W\), got shape \(3, 4, 4\)"),
        (
            {"centre": torch.zeros(1, 3, 5, 4)},
            r"expected a centre of the start's shape \(2, 3, 4, 4\), got \(1, 3, 5, 4\)",
        ),
        (
            {"centre": torch.zeros(1, 3, 4, 4)},
            r"expected a centre of the start's shape \(2, 3, 4, 4\), got \(1, 3, 4, 4\)",
        ),
        ({"steps": -1}, r"expected a whole number of at least 0 as steps, got -1"),
        ({"step_size": -0.5}, r"expected a finite number of at least 0 as step_size, got -0.5"),
        ({"step_size": math.nan}, r"expected a finite number of at least 0 as step_size, got nan"),
    ],
)
def test_a_problem_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"objective": hilly, "start": torch.zeros(2, 3, 4, 4), "ball": L2Ball(1.0)}
    with pytest.raises(ValueError, match=f"^{message}$"):
        Problem(**good | changes)


@pytest.mark.parametrize("shape", [(), (1,), (4,), (3, 1), (2,)])
def test_one_loss_for_each_image_is_wanted_no_fewer_and_no_more(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected one loss for each image, \(3,\), got shape"):
        solve(Problem(lambda images: images.sum() + torch.zeros(shape), random_images(0), L2Ball(1.0)))


def test_a_centre_of_more_images_is_refused_too() -> None:
    with pytest.raises(ValueError, match="expected a centre of the start's shape"):
        Problem(hilly, random_images(0), L2Ball(1.0), centre=random_images(0, count=4))


def test_a_problem_stays_as_it_is_stated_says_so_in_one_line_and_has_these_first_settings() -> None:
    problem = Problem(hilly, random_images(0), L2Ball(1.0))
    assert (problem.steps, problem.step_size) == (60, 1.0)
    for value, name in ((problem, "steps"), (next(frames(problem)), "step"), (problem.ball, "radius")):
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, 2)
        assert "\n" not in repr(value)
        assert "tensor(" not in repr(value)


@pytest.mark.parametrize("ball", BALLS)
def test_noise_for_a_batch_is_drawn_like_it_by_name(ball: Ball) -> None:
    if not isinstance(ball, NoBall):
        assert ball.sample(like=random_images(0), generator=torch.Generator()).shape == (3, 3, 4, 4)
