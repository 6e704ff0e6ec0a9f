"""Training that survives a kill, an inner maximum that is one, honest robust accuracy; on pictures of three colours."""

import inspect
import itertools
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError, asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.constraints import Ball, L2Ball, LinfBall, norms
from course_lib.measuring.accuracy import accuracy, robust_hits
from course_lib.pixels import to_float
from course_lib.training import loop
from course_lib.training.augmentation import augment, batch, seeded
from course_lib.training.loop import Progress, Run, slopes, train
from course_lib.training.recipe import Recipe
from tests.bench import peers
from tests.bench.bench import RowByRow

RECIPE = Recipe(
    data="colours",
    size=8,
    classes=3,
    widths=(6, 8),
    radius=0.6,
    attack_steps=(1, 2),
    epochs=3,
    batch_size=16,
    padding=1,
    noise=0.1,
)
SHORT = replace(RECIPE, epochs=1)  # ten steps


def colours(count: int = 160) -> tuple[Tensor, Tensor]:
    """Noisy uint8 pictures that are a little redder, greener or bluer than grey: their class."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 3
    tint = 40 * F.one_hot(labels, 3)[:, :, None, None]
    return (100 + tint + 30 * torch.randn(count, 3, 8, 8, generator=generator)).clamp(0, 255).byte(), labels


def finish(run: Iterator[Progress]) -> Progress:
    """The last report of a training run."""
    return list(run)[-1]


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.fixture(scope="module")
def trained() -> nn.Module:
    """A network that knows its colours, so that small perturbations do not fool it and larger ones do."""
    return finish(train(replace(RECIPE, epochs=8, averaging=0.9), *colours())).model


@pytest.fixture
def shown() -> tuple[Tensor, Tensor]:
    """The pictures in [0, 1], and their labels."""
    images, labels = colours()
    return to_float(images), labels


DRIVER = """
import sys
from pathlib import Path
import torch
from course_lib.training import loop
from course_lib.training.recipe import Recipe

torch.set_num_threads(1)
loop.SAVE_EVERY = 0.0  # after every step
folder = Path(sys.argv[1])
data = torch.load(folder / "data.pt")
recipe = Recipe.from_card(data["recipe"])
for progress in loop.train(recipe, data["images"], data["labels"], checkpoint=folder / "run.pt", every=1):
    print(progress.step, flush=True)
torch.save(progress.model.state_dict(), folder / "weights.pt")
"""


def driver(folder: Path) -> subprocess.Popen[str]:
    """A process of its own that trains in this folder and prints each step that is done."""
    command = [sys.executable, "-c", DRIVER, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


@pytest.mark.full  # below it is resumed in this process, in test_processes.py processes are killed
def test_a_run_that_is_killed_and_resumed_ends_in_the_same_weights(tmp_path: Path) -> None:
    """A real SIGKILL in the middle, then a second process to the end; the run in this process is never interrupted."""
    images, labels = colours()
    torch.save({"recipe": asdict(RECIPE), "images": images, "labels": labels}, tmp_path / "data.pt")
    with driver(tmp_path) as process:
        for line in process.stdout:
            if int(line) == 13:
                os.kill(process.pid, signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "weights.pt").exists()
    with driver(tmp_path) as process:
        steps = [int(line) for line in process.stdout]
    assert process.returncode == 0
    assert 13 <= steps[0] < 30, "the second run did not go on where the first was killed"
    assert steps[-1] == 30
    expected = finish(train(RECIPE, images, labels)).model.state_dict()
    resumed = torch.load(tmp_path / "weights.pt", weights_only=True)
    assert resumed.keys() == expected.keys()
    assert all(torch.equal(resumed[key], expected[key]) for key in expected)


def test_a_run_follows_its_recipe_alone() -> None:
    """Another random seed is another network; the global generator neither matters nor moves."""
    state = torch.get_rng_state()
    one, other = (finish(train(recipe, *colours())).model for recipe in (SHORT, replace(SHORT, seed=1)))
    assert torch.equal(torch.get_rng_state(), state)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(99)
        assert same_weights(finish(train(SHORT, *colours())).model, one)
    assert not same_weights(one, other)


def test_a_checkpoint_of_a_finished_run_gives_the_finished_model(tmp_path: Path) -> None:
    """A kill between the last checkpoint and what the caller does with the model loses nothing."""
    checkpoint = tmp_path / "run.pt"
    first = finish(train(SHORT, *colours(), checkpoint=checkpoint))
    again = list(train(SHORT, *colours(), checkpoint=checkpoint))
    assert [progress.step for progress in again] == [first.step] == [first.steps]
    assert same_weights(again[0].model, first.model)


def test_a_checkpoint_of_another_recipe_is_refused_in_a_sentence(tmp_path: Path) -> None:
    checkpoint = tmp_path / "run.pt"
    Run(RECIPE).save(checkpoint)
    with pytest.raises(ValueError, match=r"^expected a checkpoint of a recipe with .*") as caught:
        next(train(replace(RECIPE, radius=0.3, seed=7), *colours(), checkpoint=checkpoint))
    wanted, other = {"radius": 0.3, "seed": 7}, {"radius": 0.6, "seed": 0}
    assert str(caught.value).endswith(f" with {wanted} in {checkpoint}, got {other}; move it away")


def test_a_run_that_is_resumed_ends_in_the_weights_of_one_that_nothing_interrupted(tmp_path: Path) -> None:
    run, checkpoint = Run(SHORT), tmp_path / "run.pt"
    for step in range(4):
        run.advance(*batch(SHORT, *colours(), step=step), 10)
    run.save(checkpoint)
    reports = list(train(SHORT, *colours(), checkpoint=checkpoint, every=1))
    assert reports[0].step == 5
    assert same_weights(reports[-1].model, finish(train(SHORT, *colours())).model)


def test_training_computes_in_float32_where_bfloat16_is_foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    runs = [Run(replace(SHORT, precision=precision)) for precision in ("float32", "bfloat16")]
    for run in runs:
        run.advance(*batch(SHORT, *colours(), step=0), 10)
    assert same_weights(runs[0].model, runs[1].model)


def test_training_computes_in_bfloat16_where_that_is_asked_for_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    for precision, native in (("float32", False), ("float32", True), ("bfloat16", True)):
        monkeypatch.setattr(loop, "has_bfloat16", lambda device, native=native: native)
        runs.append(Run(replace(SHORT, precision=precision)))
        for step in range(2):
            runs[-1].advance(*batch(SHORT, *colours(), step=step), 10)
    assert same_weights(runs[0].model, runs[1].model)
    assert not same_weights(runs[0].model, runs[2].model)


class Bomb:
    """Unpickling this creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


def cut_short(path: Path, _: Path) -> None:
    Run(RECIPE).save(path)
    path.write_bytes(path.read_bytes()[:-1000])


NO_CHECKPOINTS: dict[str, Callable[[Path, Path], object]] = {
    "hostile": lambda path, mark: torch.save({"recipe": asdict(RECIPE), "model": Bomb(mark)}, path),
    "garbage": lambda path, mark: path.write_bytes(bytes(range(256)) * 40),
    "cut short": cut_short,
    "a text for a recipe": lambda path, mark: torch.save({"recipe": f"Recipe(data=open({str(mark)!r}, 'w'))"}, path),
    "empty": lambda path, mark: path.touch(),
    "another file of torch": lambda path, mark: torch.save(torch.zeros(3), path),
    "a folder": lambda path, mark: path.mkdir(),
}


@pytest.mark.parametrize("kind", NO_CHECKPOINTS)
def test_a_checkpoint_that_is_none_is_refused_in_a_sentence_and_runs_nothing(kind: str, tmp_path: Path) -> None:
    checkpoint, mark = tmp_path / "run.pt", tmp_path / "executed"
    NO_CHECKPOINTS[kind](checkpoint, mark)
    with pytest.raises(ValueError, match=r"^expected a training checkpoint in .*, got something unreadable") as caught:
        next(train(RECIPE, *colours(), checkpoint=checkpoint))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert not mark.exists(), "the checkpoint's code was executed"


def test_the_hostile_checkpoint_of_the_test_above_is_one(tmp_path: Path) -> None:
    torch.save(Bomb(tmp_path / "executed"), tmp_path / "run.pt")
    torch.load(tmp_path / "run.pt", weights_only=False)
    assert (tmp_path / "executed").exists()


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="expected at least one batch of 16 pictures and one epoch, got 10 pictures"):
        next(train(RECIPE, *colours(10)))


def test_reports_come_every_so_many_steps_and_after_each_epoch() -> None:
    reports = list(train(RECIPE, *colours(), every=8))
    assert [report.step for report in reports] == [8, 10, 16, 20, 24, 30]
    assert {report.steps for report in reports} == {30}
    assert all(0 <= report.accuracy <= 1 and math.isfinite(report.loss) for report in reports)
    assert not reports[-1].model.training


class Counting(Run):
    """Its loss is the number of the step; nothing is computed."""

    def advance(self, images: Tensor, labels: Tensor, steps: int) -> Tensor:
        self.step += 1
        return torch.tensor([float(self.step), 1 / self.step])


def test_a_report_has_the_means_since_the_last_one_and_the_time() -> None:
    began = time.monotonic()
    reports = list(train(SHORT, *colours(), every=4, run=Counting(SHORT)))
    assert [report.loss for report in reports] == [2.5, 6.5, 9.5]
    assert [report.accuracy for report in reports] == pytest.approx([25 / 48, 0.15863095, 0.10555556])
    assert all(0 < report.seconds <= time.monotonic() - began for report in reports)
    assert [one.step for one in train(replace(SHORT, batch_size=1), *colours())] == [50, 100, 150, 160]


def test_a_run_that_goes_on_counts_the_seconds_of_before_and_one_step_is_a_run() -> None:
    run = Counting(SHORT)
    run.seconds, began = 1000.0, time.monotonic()
    last = finish(train(SHORT, *colours(), run=run))
    assert 1000 < last.seconds <= 1000 + time.monotonic() - began
    assert finish(train(replace(SHORT, batch_size=160), *colours())).steps == 1
    with pytest.raises(FrozenInstanceError):
        last.step = 3  # type: ignore[misc]
    assert "\n" not in repr(last)


def test_a_step_tells_loss_and_accuracy_of_what_the_network_saw() -> None:
    recipe = replace(SHORT, radius=0.0)
    run, same = Run(recipe), Run(recipe)
    for step in range(4):
        images, labels = batch(recipe, *colours(), step=step)
        labels = (labels + torch.arange(16) % 2) % 3  # which it cannot know
        logits = same.model.train()(images)
        expected = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
        loss, accuracy = run.advance(images, labels, 10).tolist()
        assert loss == pytest.approx(expected.item(), rel=1e-5)
        assert accuracy == (logits.argmax(1) == labels).float().mean()
        assert 0 < accuracy < 1
        same.advance(images, labels, 10)


def test_eq_1_attacks_nothing(attacks: list[tuple[tuple[int, ...], float, int]]) -> None:
    finish(train(replace(SHORT, radius=0.0), *colours()))
    assert not attacks


def test_a_checkpoint_is_written_once_a_minute_and_a_report_comes_every_50_steps() -> None:
    assert (loop.SAVE_EVERY, inspect.signature(train).parameters["every"].default) == (60.0, 50)


@pytest.mark.parametrize(("seconds", "saved"), [(0.0, 10), (60.0, 1)])
def test_a_run_saves_itself_now_and_then_and_at_the_end(
    seconds: float, saved: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[int] = []
    monkeypatch.setattr(loop, "SAVE_EVERY", seconds)
    monkeypatch.setattr(Counting, "save", lambda run, path: times.append(run.step))
    finish(train(SHORT, *colours(), checkpoint=tmp_path / "run.pt", run=Counting(SHORT)))
    assert len(times) == saved
    assert times[-1] == 10


@pytest.mark.parametrize("change", [{"radius": 0.0}, {}, {"radius": 0.03, "norm": "linf"}, {"linear": True}], ids=str)
def test_training_is_the_plainest_loop(change: dict[str, Any]) -> None:
    """That minimises eq. 1, or eq. 2 by PGD, with the same batches, noise and schedule; to the last bit."""
    recipe, (images, labels) = replace(RECIPE, **change), colours()
    model = recipe.build().to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(
        model.parameters(), lr=0.0, momentum=0.9, weight_decay=recipe.weight_decay, nesterov=True
    )
    for step in range(30):
        x, y = batch(recipe, images, labels, step=step)
        if recipe.radius and not recipe.linear:
            ball, noise = recipe.ball(step / 30), seeded(recipe.seed, step, stream=1)
            x = by_hand(model.eval(), x, y, ball, recipe.inner_steps(step / 30), noise)
        optimiser.param_groups[0]["lr"] = recipe.learning_rate(step / 30)
        optimiser.zero_grad()
        x.requires_grad_()
        loss = F.cross_entropy(model.train()(x), y, label_smoothing=recipe.label_smoothing)
        if recipe.linear:  # plus the radius times the mean, over the pictures, of how steep the summed loss is
            (slope,) = torch.autograd.grad(len(x) * loss, x, create_graph=True)
            loss = loss + recipe.ball(step / 30).radius * (slope.flatten(1).square().sum(1) + 1e-12).sqrt().mean()
        loss.backward()
        optimiser.step()
    run = Run(recipe)
    for step in range(30):
        run.advance(*batch(recipe, images, labels, step=step), 30)
    assert same_weights(run.model, model)


def test_the_slopes_are_those_of_a_loss_done_by_hand_and_have_a_gradient_themselves() -> None:
    """The loss of a picture x is (w . x)^2 / 2: its gradient is (w . x) w, whose length is |w . x| |w|."""
    w = torch.tensor([0.5, -2.0], dtype=torch.float64, requires_grad=True)
    x = torch.tensor([[3.0, 1.0], [-1.0, 0.25]], dtype=torch.float64, requires_grad=True)
    found, products, length = slopes((x @ w).square().sum() / 2, x), (x @ w).detach(), w.detach().norm()
    torch.testing.assert_close(found, products.abs() * length)
    (gradient,) = torch.autograd.grad(found.sum(), w)
    expected = (products.sign()[:, None] * x * length + products.abs()[:, None] * w / length).sum(0)
    torch.testing.assert_close(gradient, expected.detach())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"linear": True, "radius": 0.0}, "an L2 radius above 0 for a linear maximum, got l2 0"),
        ({"linear": True, "norm": "linf"}, "an L2 radius above 0 for a linear maximum, got linf 0.6"),
        ({"norm": "l1"}, "a norm among l2, linf, got 'l1'"),
    ],
)
def test_a_recipe_that_means_nothing_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"^expected {said}$"):
        replace(RECIPE, **change)


def by_hand(model: nn.Module, x: Tensor, y: Tensor, ball: Ball, steps: int, noise: torch.Generator) -> Tensor:
    """The inner maximum of eq. 2."""
    attacked = (x + ball.sample(x, generator=noise)).clamp(0, 1)
    step_size = ball.radius * (1.25 if steps == 1 else 2.0 / steps)
    for _ in range(steps):
        attacked = attacked.detach().requires_grad_()
        loss = F.cross_entropy(model(attacked).double(), y, reduction="none").sum()
        (gradient,) = torch.autograd.grad(-loss, attacked)
        moved = attacked.detach() + step_size * ball.direction(gradient)
        attacked = (x + ball.project(moved - x)).clamp(0, 1)
    return attacked


@pytest.mark.parametrize("ball", [L2Ball(0.6), LinfBall(0.03)], ids=repr)
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_an_inner_maximum_stays_in_ball_and_box_and_raises_the_loss(trained: nn.Module, ball: Ball, steps: int) -> None:
    """And moves no batch-norm statistics."""
    run = Run(RECIPE)
    run.model.load_state_dict(trained.state_dict())
    images, labels = colours()
    pixels = to_float(images).clamp(0, 0.45)  # with a few pixels at 0
    attacked = run.attacked(pixels, labels, ball, steps)
    assert ((attacked >= 0) & (attacked <= 1)).all()
    change = attacked - pixels
    sizes = norms(change).flatten() if isinstance(ball, L2Ball) else change.abs().amax((1, 2, 3))
    assert (sizes <= ball.radius + 1e-5).all()
    assert sizes.mean() > 0.7 * ball.radius, "a maximum at this radius lies near the ball's surface"
    with torch.no_grad():
        before, after = (F.cross_entropy(trained(x), labels, reduction="none") for x in (pixels, attacked))
    assert (after > before).float().mean() > 0.95
    assert all(parameter.grad is None for parameter in run.model.parameters())
    assert same_weights(run.model, trained)


def test_the_radius_grows_to_its_full_size_and_the_rate_rises_and_falls() -> None:
    recipe = replace(RECIPE, radius=2.0, radius_warmup=0.5)
    assert [recipe.ball(progress).radius for progress in (0.0, 0.25, 0.5, 1.0)] == [0.0, 1.0, 2.0, 2.0]
    assert replace(recipe, radius_warmup=0.0).ball(0.0) == L2Ball(2.0)
    assert replace(recipe, norm="linf").ball(1.0) == LinfBall(2.0)
    rates = [recipe.learning_rate(progress / 10) for progress in range(11)]
    assert rates[0] == 0
    assert rates[10] == pytest.approx(0)
    assert max(rates) == rates[2] == pytest.approx(recipe.peak_rate)
    assert rates[2:] == sorted(rates[2:], reverse=True)


@pytest.fixture
def attacks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[int, ...], float, int]]:
    """The size of the pictures, the radius and the steps of every attack of a training, which are not done."""
    used: list[tuple[tuple[int, ...], float, int]] = []

    def record(_: Run, images: Tensor, labels: Tensor, ball: Ball, steps: int) -> Tensor:
        used.append((tuple(images.shape[1:]), ball.radius, steps))
        return images

    monkeypatch.setattr(Run, "attacked", record)
    return used


def test_attack_steps_follow_their_part_of_the_training(attacks: list[tuple[tuple[int, ...], float, int]]) -> None:
    finish(train(replace(RECIPE, attack_steps=(1, 2, 4)), *colours()))
    assert [steps for _, _, steps in attacks] == 10 * [1] + 10 * [2] + 10 * [4]
    assert attacks[0][1] == 0
    assert attacks[-1][1] == RECIPE.radius


def test_pictures_and_radius_shrink_in_their_part(attacks: list[tuple[tuple[int, ...], float, int]]) -> None:
    recipe = replace(RECIPE, shrinks=(2, 1, 2), radius_warmup=0.0)
    finish(train(recipe, *colours()))
    expected = [((3, 8 // factor, 8 // factor), 0.6 / factor) for factor in (2, 1, 2) for _ in range(10)]
    assert [attack[:2] for attack in attacks] == expected
    assert replace(recipe, norm="linf").ball(0.0) == LinfBall(0.6), "the largest change of a mean is that of a pixel"


def test_shrunk_pictures_are_the_block_means_of_those_that_are_not() -> None:
    images, labels = colours()
    large, small = (batch(replace(RECIPE, shrinks=shrinks), images, labels, step=3)[0] for shrinks in ((1,), (2, 1)))
    torch.testing.assert_close(small, large.unfold(2, 2, 2).unfold(3, 2, 2).mean((4, 5)))


@pytest.mark.parametrize("averaging", [0.0, 0.2, 0.9])
def test_the_average_is_the_one_that_its_formula_gives(averaging: float) -> None:
    """average <- d average + (1 - d) network with d = min(averaging, step / (step + 10)), batch-norm statistics too."""
    run = Run(replace(RECIPE, averaging=averaging))
    images, labels = colours()
    expected = {key: value.clone() for key, value in run.averaged.state_dict().items()}
    for step in range(6):
        run.advance(*batch(run.recipe, images, labels, step=step), 30)
        decay = min(averaging, (step + 1) / (step + 11))
        for key, value in run.model.state_dict().items():
            expected[key] = decay * expected[key] + (1 - decay) * value if value.is_floating_point() else value.clone()
    for key, value in run.averaged.state_dict().items():
        torch.testing.assert_close(value, expected[key])
    assert not run.averaged.training


def test_a_trained_average_is_as_good_as_its_network(trained: nn.Module, shown: tuple[Tensor, Tensor]) -> None:
    assert accuracy(trained, *shown) > 0.95


def test_augmentation_keeps_shape_and_range_and_follows_the_seed() -> None:
    images, _ = colours(64)
    before = images.clone()
    one, two, other = (augment(RECIPE, images, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert (one.shape, one.dtype) == (images.shape, torch.float32)
    assert 0 <= one.min() <= one.max() <= 1
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert torch.equal(images, before)
    plain = replace(RECIPE, flips=False, padding=0, noise=0.0)
    assert torch.equal(augment(plain, images, torch.Generator().manual_seed(0)), to_float(images))


def test_every_augmented_picture_is_a_shift_of_the_picture_or_of_its_mirror_image() -> None:
    images, _ = colours(64)
    recipe = replace(RECIPE, padding=2, noise=0.0)
    seen = set()
    for picture, result in zip(
        to_float(images), augment(recipe, images, torch.Generator().manual_seed(0)), strict=True
    ):
        found = [
            (mirrored, y, x)
            for mirrored, y, x in itertools.product((False, True), range(-2, 3), range(-2, 3))
            if torch.equal(
                result[:, 2:6, 2:6], (picture.flip(2) if mirrored else picture)[:, 2 + y : 6 + y, 2 + x : 6 + x]
            )
        ]
        assert len(found) == 1
        seen.add(found[0])
    assert len(seen) > 25, "of 50 that are possible"


def test_an_epoch_shows_every_picture_once_and_the_next_one_in_another_order() -> None:
    recipe = replace(RECIPE, flips=False, padding=0, noise=0.0)
    images = torch.arange(160, dtype=torch.uint8).view(160, 1, 1, 1).expand(160, 3, 8, 8).contiguous()
    labels = torch.arange(160)
    epochs = []
    for epoch in range(2):
        batches = [batch(recipe, images, labels, step=10 * epoch + step) for step in range(10)]
        for x, y in batches:
            assert torch.equal((255 * x[:, 0, 0, 0]).round().long(), y)
        epochs.append(torch.cat([y for _, y in batches]).tolist())
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(160))
    assert epochs[0] != epochs[1]


def test_radius_zero_gives_clean_accuracy_and_a_huge_one_none(trained: nn.Module, shown: tuple[Tensor, Tensor]) -> None:
    pixels, labels = shown
    labels = torch.cat([labels[:150], (labels[150:] + 1) % 3])  # the last ten are wrong
    clean = robust_hits(trained, pixels, labels, ball=L2Ball(0.0), steps=3, restarts=1)
    assert torch.equal(clean, trained(pixels).argmax(1) == labels)
    assert clean.float().mean().item() == pytest.approx(accuracy(trained, pixels, labels))
    assert not clean[150:].any()
    for ball in (L2Ball(50.0), LinfBall(1.0)):
        assert not robust_hits(trained, pixels, labels, ball=ball, steps=10, restarts=2).any()


def test_restarts_and_larger_radii_never_leave_more_survivors(trained: nn.Module, shown: tuple[Tensor, Tensor]) -> None:
    tries = [robust_hits(trained, *shown, ball=L2Ball(1.2), steps=3, restarts=count) for count in (0, 1, 2, 4)]
    assert not any((more & ~fewer).any() for fewer, more in itertools.pairwise(tries))
    shares = [robust_hits(trained, *shown, ball=L2Ball(r), steps=5).float().mean() for r in (0.3, 1.0, 1.5, 3.0)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.8 > 0.2 > shares[-1]


def test_another_librarys_attack_finds_the_same_pictures(trained: nn.Module, shown: tuple[Tensor, Tensor]) -> None:
    (pixels, labels), ball = shown, L2Ball(1.2)
    hits = robust_hits(trained, pixels, labels, ball=ball, steps=20, restarts=1)
    settings = {"radius": ball.radius, "steps": 20, "step_size": 0.15, "targeted": False}
    attacked = peers.torchattacks_pgd(RowByRow(trained).eval(), pixels, labels, **settings)
    assert norms(attacked - pixels).max() <= ball.radius + 1e-5
    wrong = trained(attacked).argmax(1) != labels
    assert 0 < wrong.sum() < len(labels)
    assert (hits == ~wrong).float().mean() > 0.9  # other starts


def test_fooled_pictures_leave_and_the_others_get_all_steps(trained: nn.Module, shown: tuple[Tensor, Tensor]) -> None:
    """The forward passes of an attack of 25 steps: fewer where pictures fall early, all where none does."""
    rows: list[int] = []
    handle = trained.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])))
    try:
        hits = robust_hits(trained, *shown, ball=L2Ball(0.0), steps=25, restarts=1, batch_size=500)
        right = int(hits.sum())
        assert rows == [100, 60] + [right] * (25 + 3)  # three looks
        rows.clear()
        robust_hits(trained, *shown, ball=L2Ball(50.0), steps=25, restarts=1, batch_size=500)
        assert rows == [100, 60] + [right] * 11  # ten steps, one look
    finally:
        handle.remove()


def test_measuring_leaves_the_model_as_it_was(trained: nn.Module, shown: tuple[Tensor, Tensor]) -> None:
    before = {key: value.clone() for key, value in trained.state_dict().items()}
    accuracy(trained, *shown)
    robust_hits(trained, *shown, ball=L2Ball(1.0), steps=2, restarts=1)
    assert not trained.training
    assert all(torch.equal(before[key], value) for key, value in trained.state_dict().items())
    assert all(parameter.grad is None for parameter in trained.parameters())
