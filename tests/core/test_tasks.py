"""Every task is a problem that the one primitive makes progress on, with the right start, centre and checks."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from course_lib.constraints import L2Ball, against, norms
from course_lib.models import Classifier, plain_network
from course_lib.pgd import Problem, frames, solve, value_and_gradient
from course_lib.pixels import bicubic, nearest, shrink
from course_lib.tasks import (
    activation,
    attack,
    averaged,
    cross_entropy,
    fill_smoothly,
    fill_with_mean,
    generate,
    inpaint,
    mean_square,
    norm,
    outside,
    paint,
    random_holes,
    refine,
    shifted,
    sketch,
    superresolve,
    translate,
)
from tests.tools import tiny

MODEL = tiny.network()
IMAGES = tiny.images(3)
LABELS = torch.tensor([0, 2, 4])
MASK = random_holes(3, tiny.SIZE, 6, generator=torch.Generator().manual_seed(0)).double()
DAMAGED = fill_with_mean(IMAGES, MASK)
WAY = {"ball": L2Ball(3.0), "steps": 5, "step_size": 0.1}

Part = slice
"""Which images of the batch a problem is about."""

PROBLEMS: dict[str, Callable[[Part], Problem]] = {
    "refine": lambda part: refine(MODEL, IMAGES[part], LABELS[part], **WAY),
    "generate": lambda part: generate(MODEL, IMAGES[part], LABELS[part], **WAY),
    "translate": lambda part: translate(MODEL, IMAGES[part], LABELS[part], **WAY),
    "sketch": lambda part: sketch(MODEL, IMAGES[part].round(), LABELS[part], **WAY),
    "inpaint, labels known": lambda part: inpaint(MODEL, DAMAGED[part], MASK[part], labels=LABELS[part], **WAY),
    "inpaint, labels predicted": lambda part: inpaint(MODEL, DAMAGED[part], MASK[part], **WAY),
    "inpaint, un-squared norm": lambda part: inpaint(
        MODEL, DAMAGED[part], MASK[part], labels=LABELS[part], penalty=norm, weight=0.1, **WAY
    ),
    "superresolve": lambda part: superresolve(MODEL, shrink(IMAGES, 4)[part], LABELS[part], factor=4, **WAY),
    "superresolve, bicubic start": lambda part: superresolve(
        MODEL, shrink(IMAGES, 2)[part], LABELS[part], factor=2, start=bicubic, **WAY
    ),
    "paint": lambda part: paint(MODEL, IMAGES[part], MASK[part], unit=3, **WAY),
    "attack": lambda part: attack(MODEL, IMAGES[part], LABELS[part], ball=L2Ball(0.5), steps=5),
    "attack, random start": lambda part: attack(
        MODEL, IMAGES[part], LABELS[part], ball=L2Ball(0.5), steps=5, generator=torch.Generator().manual_seed(1)
    ),
}
every_task = pytest.mark.parametrize("make", PROBLEMS.values(), ids=PROBLEMS)
EVERYTHING = slice(None)


@every_task
def test_five_steps_lower_every_images_loss(make):
    run = list(frames(make(EVERYTHING)))
    assert len(run) == 6
    assert run[-1].losses.shape == (3,)
    assert (run[-1].losses < run[0].losses).all()


DEFAULTS: dict[Callable[..., Problem], dict[str, float]] = {  # what the notebooks say of them
    **{task: {"steps": 60, "step_size": 0.5} for task in (refine, generate, translate, sketch)},
    attack: {"steps": 50, "travel": 2.5},
    inpaint: {"weight": 10, "steps": 60, "step_size": 0.1},
    superresolve: {"steps": 40, "step_size": 0.1},
    paint: {"weight": 10, "steps": 60, "step_size": 0.5},
}


@pytest.mark.parametrize("task", DEFAULTS, ids=lambda task: task.__name__)
def test_the_first_settings_of_a_task_are_these(task):
    numbers = {name: one.default for name, one in inspect.signature(task).parameters.items()}
    assert {name: one for name, one in numbers.items() if isinstance(one, int | float)} == DEFAULTS[task]


def test_numbers_at_their_ends_are_taken_and_beyond_refused():
    last = MODEL.head.in_features - 1
    for unit in (0, last):
        assert activation(MODEL, unit)(IMAGES).shape == (3,)
    for unit in (-1, last + 1):
        with pytest.raises(ValueError, match="unit"):
            activation(MODEL, unit)
    still, once = (attack(MODEL, IMAGES, LABELS, ball=L2Ball(0.4), steps=steps) for steps in (0, 1))
    assert torch.equal(solve(still), IMAGES)
    assert (still.step_size, once.step_size) == (1.0, 1.0)
    with pytest.raises(ValueError, match="steps"):
        attack(MODEL, IMAGES, LABELS, ball=L2Ball(0.4), steps=-1)
    assert attack(MODEL, IMAGES, LABELS, ball=L2Ball(0.4), travel=0).step_size == 0
    with pytest.raises(ValueError, match="travel"):
        attack(MODEL, IMAGES, LABELS, ball=L2Ball(0.4), travel=-0.5)
    assert random_holes(0, 8, 3, generator=torch.Generator()).shape == (0, 1, 8, 8)
    assert random_holes(1, 1, 1, generator=torch.Generator()).item() == 1
    for wrong in ((-1, 8, 3), (1, 0, 0), (1, 8, 9), (1, 8, 0)):
        with pytest.raises(ValueError, match="expected"):
            random_holes(*wrong, generator=torch.Generator())


@every_task
def test_results_are_pictures_within_the_ball(make):
    problem = make(EVERYTHING)
    result = solve(problem)
    centre = problem.start if problem.centre is None else problem.centre
    assert result.shape == IMAGES.shape
    assert 0 <= result.min() <= result.max() <= 1
    assert (norms(result - centre) <= problem.ball.radius + 1e-9).all()
    assert not torch.equal(result, problem.start)


@pytest.mark.parametrize("name", [name for name in PROBLEMS if name != "attack, random start"])
def test_images_of_a_batch_do_not_interact(name):
    together = solve(PROBLEMS[name](EVERYTHING))
    alone = torch.cat([solve(PROBLEMS[name](slice(i, i + 1))) for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-9)


def test_the_synonyms_of_refine_state_the_same_problem():
    results = [solve(task(MODEL, IMAGES, LABELS, **WAY)) for task in (refine, generate, translate, sketch)]
    assert all(torch.equal(result, results[0]) for result in results)


def test_seeds_a_rounding_error_outside_the_pixel_box_are_clamped_first():
    beyond = torch.where(IMAGES > 0.5, 1.0005, -0.0005)
    assert torch.equal(refine(MODEL, beyond, LABELS, **WAY).start, beyond.clamp(0, 1))


def test_an_attack_raises_the_cross_entropy_of_the_true_label():
    loss = cross_entropy(MODEL, LABELS)
    attacked = solve(attack(MODEL, IMAGES, LABELS, ball=L2Ball(0.5), steps=10))
    expected = F.cross_entropy(MODEL(IMAGES), LABELS, reduction="none")
    torch.testing.assert_close(loss(IMAGES), expected)
    assert (loss(attacked) > expected + 0.1).all()


def test_an_attacks_start_is_decided_by_its_generator_and_its_centre_is_the_picture():
    def start(seed: int | None) -> Problem:
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        return attack(MODEL, IMAGES, LABELS, ball=L2Ball(0.5), generator=generator)

    assert torch.equal(start(None).start, IMAGES)
    assert torch.equal(start(7).start, start(7).start)
    assert not torch.equal(start(7).start, start(8).start)
    assert not torch.equal(start(7).start, IMAGES)
    assert torch.equal(start(7).centre, IMAGES)
    assert (norms(start(7).start - IMAGES) <= 0.5 + 1e-9).all()


def test_the_steps_of_an_attack_can_travel_two_and_a_half_radii():
    problem = attack(MODEL, IMAGES, LABELS, ball=L2Ball(0.8), steps=40)
    assert problem.steps * problem.step_size == pytest.approx(2.5 * 0.8)


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("start", [nearest, bicubic])
def test_the_ball_of_superresolution_is_centred_on_the_nearest_neighbour_upsampling(factor, start):
    small = shrink(IMAGES, factor)
    problem = superresolve(MODEL, small, LABELS, factor=factor, start=start, **WAY)
    assert torch.equal(problem.centre, nearest(small, factor))
    assert torch.equal(problem.start, start(small, factor))
    assert torch.equal(problem.start, problem.centre) == (start is nearest)


def test_predicted_labels_are_the_prediction_for_the_damaged_picture():
    hole = random_holes(1, tiny.SIZE, 12, generator=torch.Generator().manual_seed(0)).double()
    candidates = torch.where(hole.bool(), tiny.images(40, seed=5), tiny.images(40, seed=6))
    damaged = fill_with_mean(candidates, hole)
    seen, of_damaged = MODEL(candidates).argmax(1), MODEL(damaged).argmax(1)
    assert (seen != of_damaged).any(), "no picture tells the two predictions apart"
    problem = inpaint(MODEL, damaged, hole, **WAY)
    torch.testing.assert_close(problem.objective(damaged), cross_entropy(MODEL, of_damaged)(damaged))


def test_the_penalty_counts_only_what_is_outside_the_mask():
    amounts = torch.tensor([0.1, 0.2, 0.3]).double()  # every image its own
    for penalty in (mean_square, norm):
        stray = outside(MASK, IMAGES, penalty)
        inside_only, outside_only = IMAGES + 0.1 * MASK, IMAGES + amounts.view(3, 1, 1, 1) * (1 - MASK)
        assert torch.equal(stray(IMAGES), torch.zeros(3))
        assert torch.equal(stray(inside_only), torch.zeros(3))
        assert (stray(outside_only) > 0).all()
    squares = 3 * (tiny.SIZE**2 - 36) * amounts.square()  # three channels, a hole of 6 x 6
    torch.testing.assert_close(outside(MASK, IMAGES)(outside_only), squares / (3 * tiny.SIZE**2))
    torch.testing.assert_close(outside(MASK, IMAGES, norm)(outside_only), squares.sqrt())


def change(problem: Problem, mask: Tensor, *, inside: bool) -> Tensor:
    """The L2 length of a solution's change inside or outside the mask, (B,)."""
    return norms((solve(problem) - problem.start) * (mask if inside else 1 - mask)).flatten()


@pytest.mark.parametrize(("task", "large"), [("inpaint", 1e4), ("paint", 300.0)])
def test_a_large_weight_keeps_the_region_outside_the_mask(task, large):
    def make(weight: float) -> Problem:
        way: dict[str, Any] = {"ball": L2Ball(3.0), "steps": 40, "step_size": 0.02, "weight": weight}
        if task == "inpaint":
            return inpaint(MODEL, DAMAGED, MASK, labels=LABELS, **way)
        return paint(MODEL, IMAGES, MASK, unit=3, **way)

    free, held = make(0.0), make(large)
    assert (change(held, MASK, inside=False) < 0.2 * change(free, MASK, inside=False)).all()
    assert (change(held, MASK, inside=True) > 0.1).all()


@pytest.mark.parametrize("task", ["inpaint", "paint"])
def test_the_first_step_is_finite_with_an_un_squared_norm(task):
    """The derivative of a norm at 0, where every problem starts, is 0 / 0 when written out by hand."""
    way = {**WAY, "penalty": norm, "weight": 10.0}
    problem = (
        inpaint(MODEL, DAMAGED, MASK, labels=LABELS, **way)
        if task == "inpaint"
        else paint(MODEL, IMAGES, MASK, unit=3, **way)
    )
    losses, gradient = value_and_gradient(problem.objective, problem.start)
    assert losses.isfinite().all()
    assert gradient.isfinite().all()
    assert (norms(gradient) > 0).all()
    _, first, *_ = frames(problem)
    assert first.images.isfinite().all()
    assert first.losses.isfinite().all()
    assert not torch.equal(first.images, problem.start)


def unit_map(model: Classifier, images: Tensor, unit: int) -> Tensor:
    """Where in the picture a unit is active: (B, 1, h, w), whose mean is the unit's component of the representation."""
    return model.activation(model.body((images - model.mean) / model.std))[:, unit : unit + 1]


def test_painting_raises_the_unit_inside_the_mask_more_than_outside():
    corner = torch.zeros(1, 1, tiny.SIZE, tiny.SIZE).double()
    corner[..., :8, :8] = 1  # a quarter of the picture, and 2 x 2 of the 4 x 4 places of the map
    painted = solve(paint(MODEL, IMAGES, corner, unit=3, ball=L2Ball(3.0), steps=40, step_size=0.05, weight=1e3))
    raised = unit_map(MODEL, painted, 3) - unit_map(MODEL, IMAGES, 3)
    assert (MODEL.features(painted)[:, 3] > MODEL.features(IMAGES)[:, 3]).all()
    within = raised[..., :2, :2].mean((1, 2, 3))
    without = (raised.sum((1, 2, 3)) - 4 * within) / 12
    assert (within > 3 * without.abs()).all()


def test_features_are_painted_one_after_another_from_the_last_result():
    first = solve(paint(MODEL, IMAGES, MASK, unit=3, **WAY))
    second = paint(MODEL, first, MASK, unit=5, **WAY)
    assert torch.equal(second.start, first)
    assert second.centre is None
    assert (MODEL.features(solve(second))[:, 5] > MODEL.features(first)[:, 5]).all()


@pytest.fixture(scope="module")
def with_a_dead_unit() -> Classifier:
    """A ReLU network whose unit 2 is off in every place of every one of the pictures, though not by much."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = tiny.stirred(plain_network((6, 8), tiny.CLASSES))
    with torch.no_grad():
        largest = model.body((IMAGES - model.mean) / model.std)[:, 2].max()
        model.body[-1].bias[2] -= largest + 0.05
    return model


def test_a_unit_that_is_off_everywhere_can_only_be_painted_straight_through(with_a_dead_unit):
    model, everywhere = with_a_dead_unit, torch.ones(1, 1, tiny.SIZE, tiny.SIZE).double()
    way = {"ball": L2Ball(5.0), "steps": 30, "step_size": 0.25}
    assert (model.features(IMAGES)[:, 2] == 0).all()
    plain = solve(Problem(activation(model, 2, straight_through=False), IMAGES, **way))
    assert torch.equal(plain, IMAGES)
    painted = solve(paint(model, IMAGES, everywhere, unit=2, **way))
    assert (model.features(painted)[:, 2] > 0).all()


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 4), size=st.integers(4, 20), part=st.floats(0, 1), seed=st.integers(0, 10**6))
def test_holes_are_squares_of_the_wanted_size_inside_the_picture(count, size, part, seed):
    hole = max(1, round(part * size))
    masks = random_holes(count, size, hole, generator=torch.Generator().manual_seed(seed))
    again = random_holes(count, size, hole, generator=torch.Generator().manual_seed(seed))
    assert masks.shape == (count, 1, size, size)
    assert torch.equal(masks, again)
    for mask in masks[:, 0]:
        rows, columns = mask.nonzero().unbind(1)
        assert mask.sum() == hole**2 == len(rows)  # ones and zeros only
        assert rows.max() - rows.min() == columns.max() - columns.min() == hole - 1


def test_holes_reach_every_edge_and_differ():
    masks = random_holes(300, 6, 3, generator=torch.Generator().manual_seed(0))
    corners = {tuple(mask[0].nonzero()[0].tolist()) for mask in masks}
    assert corners == {(top, left) for top in range(4) for left in range(4)}


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 3), hole=st.integers(1, 9), seed=st.integers(0, 10**6), shared=st.booleans())
def test_a_hole_is_filled_with_the_mean_colour_of_the_rest(count, hole, seed, shared):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(count, 3, 10, 10, generator=generator, dtype=torch.float64)
    mask = random_holes(1 if shared else count, 10, hole, generator=generator)
    filled = fill_with_mean(images, mask)
    for picture, result, one in zip(images, filled, mask.expand(count, -1, -1, -1)[:, 0].bool(), strict=True):
        assert torch.equal(result[:, ~one], picture[:, ~one])
        mean = picture[:, ~one].mean(1, keepdim=True)
        torch.testing.assert_close(result[:, one], mean.expand(3, hole**2))


FILLS = [fill_with_mean, fill_smoothly]


@pytest.mark.parametrize("fill", FILLS)
def test_what_the_hole_hid_leaves_no_trace(fill):
    other = torch.where(MASK.bool(), 1 - IMAGES, IMAGES)
    filled = fill(IMAGES, MASK)
    assert torch.equal(fill(other, MASK), filled)
    assert torch.equal(filled * (1 - MASK), IMAGES * (1 - MASK))


@pytest.mark.parametrize("fill", FILLS)
def test_a_picture_that_is_all_hole_is_filled_with_finite_values(fill):
    assert fill(IMAGES, torch.ones(1, 1, tiny.SIZE, tiny.SIZE)).isfinite().all()


@settings(max_examples=20, deadline=None)
@given(hole=st.integers(1, 40), seed=st.integers(0, 10**6), tilt=st.tuples(st.floats(-1, 1), st.floats(-1, 1)))
def test_a_smooth_filling_restores_every_ramp(hole, seed, tilt):
    side = torch.linspace(-0.5, 0.5, 48)
    ramp = 0.5 + 0.49 * (tilt[0] * side[:, None] + tilt[1] * side)
    generator = torch.Generator().manual_seed(seed)
    mask = F.pad(random_holes(2, 46, hole, generator=generator), (1, 1, 1, 1))  # a hole at the border has no rim there
    filled = fill_smoothly(ramp.expand(2, 3, 48, 48), mask)
    torch.testing.assert_close(filled, ramp.expand_as(filled), rtol=0, atol=1e-3)


def test_a_picture_of_one_colour_is_filled_with_it_beside_another():
    """It is finished before the first step, when nothing is left to divide by."""
    ramp = torch.linspace(0.2, 0.8, 8).expand(1, 3, 8, 8)
    mask = random_holes(1, 8, 3, generator=dice())
    filled = fill_smoothly(torch.cat([torch.full((1, 3, 8, 8), 0.5), ramp]), mask)
    torch.testing.assert_close(filled[0], torch.full((3, 8, 8), 0.5))


def test_one_pixel_that_is_left_is_the_colour_of_the_rest():
    mask = torch.ones(1, 1, 4, 4)
    mask[0, 0, 1, 2] = 0
    images = tiny.images(1)[:, :, :4, :4]
    torch.testing.assert_close(fill_with_mean(images, mask), images[:, :, 1:2, 2:3].expand(1, 3, 4, 4))
    assert inspect.signature(fill_smoothly).parameters["rounds"].default == 200


def test_a_random_start_is_a_picture():
    for level in (0, 1):
        flat = torch.full_like(IMAGES, level)
        start = attack(MODEL, flat, LABELS, ball=L2Ball(0.5), generator=dice()).start
        assert 0 <= start.min() < start.max() <= 1
        assert (start == level).any()


def test_a_smooth_filling_is_the_mean_of_its_neighbours_and_holes_may_differ():
    filled = fill_smoothly(IMAGES, MASK)
    around = F.pad(filled, (1, 1, 1, 1), mode="replicate")
    neighbours = (around[..., :-2, 1:-1] + around[..., 2:, 1:-1] + around[..., 1:-1, :-2] + around[..., 1:-1, 2:]) / 4
    torch.testing.assert_close(filled * MASK, neighbours * MASK, rtol=0, atol=1e-3)
    alone = torch.cat([fill_smoothly(IMAGES[[i]], MASK[[i]]) for i in range(3)])
    torch.testing.assert_close(filled, alone, rtol=0, atol=1e-3)


WEIGHTS = torch.randn(3, 3, tiny.SIZE, tiny.SIZE, generator=torch.Generator().manual_seed(1)).double()


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear(images: Tensor) -> Tensor:
    return (images * WEIGHTS[: len(images)]).sum((1, 2, 3))


def square(images: Tensor) -> Tensor:
    return images.square().sum((1, 2, 3))


def test_the_gradient_of_a_shifted_linear_objective_is_its_weights_shifted_back():
    """All 50 shifts and mirrorings by up to two pixels appear, and no other."""
    flips = (WEIGHTS, WEIGHTS.flip(3))
    expected = torch.stack([w.roll((i, j), (2, 3)) for w in flips for i in range(-2, 3) for j in range(-2, 3)])
    objective, seen = shifted(linear, 2, generator=dice()), set()
    for _ in range(400):
        _, gradient = value_and_gradient(objective, IMAGES)
        distances = (expected - gradient).abs().amax((1, 2, 3, 4))
        assert distances.min() == 0
        seen.add(int(distances.argmin()))
    assert len(seen) == 50


def test_an_odd_shift_goes_as_far_either_way():
    objective, seen = shifted(lambda images: (images[:, 0, 0] * torch.arange(9)).sum(1), 3, generator=dice()), set()
    point = torch.zeros(1, 1, 9, 9)
    point[0, 0, 0, 4] = 1  # in the middle, so that mirrored it stays
    for _ in range(300):
        seen.add(int(objective(point.roll(0, 2))))
    assert {place for place in seen if place} == {1, 2, 3, 4, 5, 6, 7}


def test_the_mean_over_copies_has_the_mean_of_their_gradients():
    both, shared = dice(), dice()
    objective = averaged(shifted(cross_entropy(MODEL, LABELS), 3, generator=both), 5, sigma=0.1, generator=both)
    one = shifted(cross_entropy(MODEL, LABELS), 3, generator=shared)
    copies = [
        value_and_gradient(one, IMAGES + 0.1 * torch.randn(IMAGES.shape, generator=shared, dtype=IMAGES.dtype))
        for _ in range(5)
    ]
    losses, gradients = (torch.stack(column) for column in zip(*copies, strict=True))
    assert gradients.std(0).amax() > 0  # the copies differ
    for found, expected in zip(value_and_gradient(objective, IMAGES), (losses, gradients), strict=True):
        torch.testing.assert_close(found, expected.mean(0))


@given(count=st.integers(1, 6), sigma=st.floats(0, 0.5))
def test_noise_leaves_a_linear_gradient_and_raises_a_square_by_its_variance(count, sigma):
    _, gradient = value_and_gradient(averaged(linear, count, sigma=sigma, generator=dice()), IMAGES)
    torch.testing.assert_close(gradient, WEIGHTS)
    values = IMAGES[0].numel()
    losses = averaged(square, 200 * count, sigma=sigma, generator=dice())(IMAGES)
    error = 5 * (2 * sigma**4 * values + 4 * sigma**2 * square(IMAGES)).div(200 * count).sqrt() + 1e-6
    assert ((losses - square(IMAGES) - sigma**2 * values).abs() <= error).all()


def test_without_shift_and_noise_a_symmetric_objective_stays_as_it_is():
    objective = averaged(shifted(square, 0, generator=dice()), 3, generator=dice())
    for found, expected in zip(value_and_gradient(objective, IMAGES), value_and_gradient(square, IMAGES), strict=True):
        torch.testing.assert_close(found, expected)


@every_task
def test_any_task_is_solved_for_shifted_and_noisy_copies_and_repeats_by_its_generator(make):
    def again() -> Tensor:
        problem, generator = make(EVERYTHING), dice()
        objective = shifted(problem.objective, 1, generator=generator)
        return solve(replace(problem, objective=averaged(objective, 4, sigma=0.02, generator=generator), steps=3))

    assert torch.equal(again(), again())
    assert not torch.equal(again(), make(EVERYTHING).start)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: shifted(linear, -1, generator=dice()),
        lambda: shifted(linear, 1.5, generator=dice()),
        lambda: averaged(linear, 0, generator=dice()),
        lambda: averaged(linear, 2, sigma=-0.1, generator=dice()),
        lambda: averaged(linear, 2, sigma=float("nan"), generator=dice()),
    ],
)
def test_impossible_shifts_and_copies_are_refused_in_one_sentence(wrong):
    with pytest.raises(ValueError, match=r"^expected a (whole|finite) number .*, got .*$"):
        wrong()


@pytest.mark.parametrize("margin", [5.0, 15.0, 25.0])
def test_a_confident_network_still_says_which_way_its_loss_falls(margin: float) -> None:
    """For the logits w.x + margin and 0 the loss is log(1 + exp(-w.x - margin)): it falls along w, however little."""
    w, generator = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0)), torch.Generator().manual_seed(1)

    def network(images: Tensor) -> Tensor:
        first = (images * w).sum((1, 2, 3)) + margin
        return torch.stack([first, torch.zeros_like(first)], 1)

    images = torch.rand(2, 3, 4, 4, generator=generator)
    losses, slope = value_and_gradient(cross_entropy(network, torch.tensor([0, 0])), images)
    assert losses.dtype == images.dtype
    exact = torch.log1p(torch.exp(-network(images)[:, 0].double()))
    torch.testing.assert_close(losses.double(), exact, rtol=1e-3, atol=0)
    torch.testing.assert_close(against(slope), (w / w.norm()).expand_as(slope), rtol=1e-4, atol=1e-6)
