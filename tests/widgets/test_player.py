"""The player without a browser: real widgets, real threads, and objectives that count and can be held up."""

import gc
import io
import itertools
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import ipywidgets as widgets
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from course_lib.constraints import L2Ball
from course_lib.pgd import Problem, frames
from course_lib.pixels import to_uint8
from course_lib.widgets import LOSS, Measure, Player, controls
from course_lib.widgets import player as player_module
from course_lib.widgets import screen as screen_module
from course_lib.widgets.charts import Chart, short, ticks
from course_lib.widgets.memory import Memory, frozen
from course_lib.widgets.sheets import GREY, encode, sheet
from tests.tools.demos import PATIENCE, status, until

TARGET = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Bench:
    """Quadratic problems whose objectives count their calls and wait at a gate."""

    def __init__(self, pause: float = 0.0) -> None:
        self.pause, self.calls, self.order = pause, 0, list[str]()
        self.gate = threading.Event()
        self.gate.set()

    def objective(self, name: str, weight: float) -> Callable[[Tensor], Tensor]:
        def loss(images: Tensor) -> Tensor:
            assert self.gate.wait(PATIENCE)
            time.sleep(self.pause)
            self.calls += 1
            self.order.append(name)
            return weight * (images - TARGET).square().flatten(1).sum(1)

        return loss

    def make(self, epsilon: float, steps: int) -> dict[str, Problem]:
        settings: dict[str, Any] = {"start": torch.full_like(TARGET, 0.5), "ball": L2Ball(epsilon), "steps": steps}
        weights = {"robust": 1.0, "standard": 3.0}
        return {n: Problem(self.objective(n, w), step_size=0.2, **settings) for n, w in weights.items()}

    def player(self, steps: int = 10, **options: Any) -> Player:
        sliders = {"epsilon": controls.epsilon(2.0, high=50.0), "steps": controls.steps(steps, high=1000)}
        player = Player(self.make, **options, **sliders)
        player._worker.wait(PATIENCE)  # the start is on the screen
        self.calls, self.order = 0, []
        return player


def watched(player: Player, name: str = "robust") -> list[str]:
    """The format of every picture from here on."""
    seen: list[str] = []
    image = player._screen.images[name]
    image.observe(lambda change: seen.append(image.format), "value")
    return seen


def decoded(image: widgets.Image) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(bytes(image.value))))


def test_a_run_gives_what_pgd_gives_and_the_screen_shows_it_exactly() -> None:
    player = (bench := Bench()).player(columns=2)
    player.run(epsilon=1.5)
    results = player.wait(PATIENCE)
    for name, problem in bench.make(1.5, 10).items():
        expected = list(frames(problem))
        assert torch.equal(results[name].images, expected[-1].images)
        assert torch.equal(results[name].losses, torch.stack([frame.losses for frame in expected]))
        pictures = to_uint8(expected[-1].images)
        image = player._screen.images[name]
        assert bytes(image.value).startswith(b"\x89PNG")
        assert np.array_equal(decoded(image), sheet(pictures, 2))
        assert (image.width, image.height) == ("17", "8")  # their own size: the page enlarges them
    assert results is player.results
    assert "Done: 10 steps" in status(player)


def test_the_start_shows_before_anything_is_computed() -> None:
    bench = Bench()
    bench.gate.clear()
    player = Player(bench.make, epsilon=controls.epsilon(2.0), steps=controls.steps(5))
    until(lambda: player._shown is not None)
    bench.gate.set()
    player._worker.wait(PATIENCE)
    assert "Ready" in status(player)
    assert np.all(decoded(player._screen.images["robust"])[:, :8] == 128)
    bench.gate.clear()
    time.sleep(0.05)
    player.run()
    until(lambda: player._shown is not None)
    assert bench.calls == 2  # the losses of the two starts, from before
    bench.gate.set()
    player.wait(PATIENCE)


def test_the_runs_go_in_lockstep() -> None:
    player = (bench := Bench()).player()
    player.run()
    player.wait(PATIENCE)
    assert bench.order == ["robust", "standard"] * 11


def test_twenty_rapid_changes_give_one_result() -> None:
    player = (bench := Bench(pause=0.005)).player(steps=20)
    seen = watched(player)
    for number in range(20):
        player.controls["epsilon"].value = 3.0 + number
    results = player.wait(PATIENCE)
    assert seen.count("png") == 1
    assert results["robust"].problem.ball.radius == 22.0
    assert bench.calls <= 2 * 21 + 20  # the last run, and at most one step of each of the others


def test_changes_from_many_threads_give_the_result_of_the_last() -> None:
    player = Bench(pause=0.002).player(steps=5)
    threads = [threading.Thread(target=player.run, kwargs={"epsilon": float(n)}) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert player.wait(PATIENCE)["robust"].problem.ball.radius == player.controls["epsilon"].value


@pytest.mark.parametrize("way", ["stop", "supersede"])
def test_an_unwanted_run_ends_within_one_step_and_publishes_nothing(way: str) -> None:
    player = (bench := Bench()).player(steps=1000)
    player.run()
    until(lambda: bench.calls > 6)
    bench.gate.clear()
    seen, calls = watched(player), bench.calls
    if way == "stop":
        player.stop()
        pictures = len(seen)
        bench.gate.set()
        player._worker.wait(PATIENCE)
        assert bench.calls <= calls + 2  # one may have passed the gate while it closed
        assert len(seen) == pictures
        with pytest.raises(RuntimeError, match="expected a finished run"):
            player.wait(1)
        assert "Stopped at step" in status(player)
    else:
        player.controls["steps"].value = 1
        bench.gate.set()
        assert player.wait(PATIENCE)["robust"].steps == [0, 1]
        assert bench.calls <= calls + 2 + 4
    assert (player.results is None) == (way == "stop")


def test_the_steps_before_a_stop_can_be_looked_at() -> None:
    player = (bench := Bench(pause=0.005)).player(steps=500)
    player.run()
    until(lambda: bench.calls > 60)
    player.stop()
    scrubber = player._screen.scrubber
    assert not scrubber.disabled
    assert bytes(player._screen.images["robust"].value).startswith(b"\x89PNG")
    scrubber.value = 0
    assert np.all(decoded(player._screen.images["robust"])[:, :8] == 128)


def test_errors_are_shown_kept_and_raised_and_the_next_run_works() -> None:
    def make(epsilon: float, steps: int) -> dict[str, Problem]:
        if epsilon > 20:
            raise ValueError("expected a <radius> of at most 20")
        return bench.make(epsilon, steps)

    bench = Bench()
    player = Player(make, epsilon=controls.epsilon(2.0, high=50.0), steps=controls.steps(5))
    player.controls["epsilon"].value = 30.0
    for _ in range(2):
        with pytest.raises(ValueError, match="at most 20"):
            player.wait(PATIENCE)
    assert "ValueError: expected a &lt;radius&gt; of at most 20" in status(player)
    assert 'class="status wrong"' in status(player)
    player.controls["epsilon"].value = 3.0
    assert len(player.wait(PATIENCE)["robust"].losses) == 6
    assert "wrong" not in status(player)


@pytest.mark.parametrize("options", [{"names": ("robust", "plain")}, {"caption": lambda moment: 1 / 0}])
def test_what_else_goes_wrong_on_the_thread_reaches_wait(options: dict[str, Any]) -> None:
    player = Bench().player(**options)
    player.run()
    with pytest.raises((ValueError, ZeroDivisionError), match=r"expected problems named robust, plain|division"):
        player.wait(PATIENCE)


def test_a_finished_run_comes_back_without_computing_and_run_computes_again() -> None:
    player = (bench := Bench()).player()
    for radius in (3.0, 4.0):
        player.controls["epsilon"].value = radius
        player.wait(PATIENCE)
    bench.gate.clear()
    player.controls["epsilon"].value = 3.0
    assert player.wait(0)["robust"].problem.ball.radius == 3.0
    assert "from memory" in status(player)
    assert np.array_equal(decoded(player._screen.images["robust"]), sheet(to_uint8(player.results["robust"].images), 4))
    bench.gate.set()
    calls = bench.calls
    player.run()
    player.wait(PATIENCE)
    assert bench.calls == calls + 22


def test_reset_restores_the_controls_and_shows_the_start() -> None:
    player = (bench := Bench()).player()
    player.run(epsilon=3.0, steps=7)
    player.wait(PATIENCE)
    calls = bench.calls
    player.reset()
    player._worker.wait(PATIENCE)
    assert player.values == {"epsilon": 2.0, "steps": 10}
    assert bench.calls == calls + 2  # the losses of the starts
    assert np.all(decoded(player._screen.images["robust"])[:, :8] == 128)
    assert "Ready" in status(player)


def test_scrubbing_shows_the_kept_step_and_computes_nothing() -> None:
    player = (bench := Bench()).player(caption=lambda moment: f"after {moment.frame.step}")
    player.run()
    run = player.wait(PATIENCE)["standard"]
    calls = bench.calls
    player._screen.scrubber.value = 4
    assert bench.calls == calls
    assert np.array_equal(decoded(player._screen.images["standard"]), sheet(run.pictures[4], 4))
    assert "after 4<" in player._screen.captions["standard"].value
    loss = LOSS.write(run.losses[4].mean().item())
    assert f"loss, mean of 2</span><b>{loss}<" in player._screen.captions["standard"].value
    assert f">{loss}<" in player._screen.charts["loss"].value


def test_a_long_run_is_thinned_and_keeps_every_loss_and_the_last_picture() -> None:
    player = Bench().player()
    player.run(steps=250)
    run = player.wait(PATIENCE)["robust"]
    assert len(run.losses) == 251
    assert run.steps == [*range(0, 250, 5), 250]
    assert len(run.pictures) == len(run.captions) == len(run.measures["loss"]) == len(run.steps)
    player._screen.scrubber.value = 123
    assert np.array_equal(decoded(player._screen.images["robust"]), sheet(run.pictures[24], 4))


def ticking(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The player's clock, on which every look takes 10 ms."""
    clock = SimpleNamespace(now=time.monotonic())

    def passed() -> float:
        clock.now += 0.01
        return clock.now

    monkeypatch.setattr(player_module, "time", SimpleNamespace(monotonic=passed))
    return clock


def test_pictures_come_at_most_ten_times_a_second_and_light_until_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock on which every step of a model takes 10 ms."""
    player = Bench().player(steps=100)
    clock = ticking(monkeypatch)
    image, seen = player._screen.images["robust"], list[tuple[float, str]]()
    image.observe(lambda _: seen.append((clock.now, image.format)), "value")
    player.run()
    player.wait(PATIENCE)
    times, kinds = zip(*seen, strict=True)
    assert set(kinds[:-1]) == {"jpeg"}
    assert kinds[-1] == "png"
    gaps = np.diff(times)[:-1]
    assert len(gaps) > 0  # a picture that has stopped changing is not sent again
    assert min(gaps) > 0.099


def test_heavy_pictures_of_noise_do_not_hold_back_the_next_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock on which every look takes 10 ms: the sheets of the first demo, 136 kB each, come as often as light
    ones. The server's limit of bytes counts what is printed, not what widgets send."""
    player = Bench().player(steps=60)
    clock = ticking(monkeypatch)
    numbers = itertools.count()
    monkeypatch.setattr(screen_module, "encode", lambda *_: next(numbers).to_bytes(136_000, "big"))
    seen = list[float]()
    player._screen.images["standard"].observe(lambda _: seen.append(clock.now), "value")
    player.run()
    player.wait(PATIENCE)
    assert len(seen) > 2
    assert max(np.diff(seen)) < 0.2


def test_one_problem_may_have_fewer_steps_and_no_steps_are_a_run_too() -> None:
    def make(steps: int) -> dict[str, Problem]:
        return {"robust": bench.make(2.0, steps)["robust"], "standard": bench.make(2.0, 3)["standard"]}

    bench = Bench()
    player = Player(make, steps=controls.slider("steps", 5, low=0, high=9, step=1))
    player.run(steps=5)
    assert [len(run.losses) for run in player.wait(PATIENCE).values()] == [6, 4]
    bench_player = Player(bench.make, epsilon=controls.epsilon(1.0), steps=widgets.IntSlider(max=5))
    bench_player.run()
    assert [len(run.losses) for run in bench_player.wait(PATIENCE).values()] == [1, 1]
    assert bench_player._screen.scrubber.disabled


def test_measures_and_views_see_the_values_and_the_problem() -> None:
    measure = Measure(
        "moved", lambda m: (m.frame.images - m.problem.start).flatten(1).norm(dim=1) / m.values["epsilon"]
    )
    player = Bench().player(measures=[LOSS, measure], view=lambda m: torch.cat([m.frame.images, 1 - m.frame.images]))
    player.run(epsilon=0.5, steps=20)
    run = player.wait(PATIENCE)["robust"]
    assert run.measures["moved"][-1] == pytest.approx(torch.ones(2), abs=1e-4)
    assert run.pictures[0].shape == (4, 8, 8, 3)
    assert "moved, mean of 2</span><b>100%<" in player._screen.captions["robust"].value
    assert ">100%</text>" in player._screen.charts["moved"].value


def test_a_busy_kernel_delays_and_does_not_break() -> None:
    """The main thread computes, as a cell does, while the run goes on; then queued messages come at once."""
    player = Bench().player(steps=50)
    player.run()
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        sum(range(1000))
    for radius in (5.0, 6.0, 7.0):
        player.controls["epsilon"].set_state({"value": radius})  # as from the browser
    assert player.wait(PATIENCE)["robust"].problem.ball.radius == 7.0


def test_wait_gives_up_in_time() -> None:
    player = (bench := Bench()).player()
    bench.gate.clear()
    player.run()
    with pytest.raises(TimeoutError, match=r"0\.05 s"):
        player.wait(0.05)
    bench.gate.set()
    player.wait(PATIENCE)


def test_a_forgotten_player_stops_and_a_displayed_one_lives() -> None:
    player = (bench := Bench(pause=0.002)).player(steps=1000)
    player.run()
    until(lambda: bench.calls > 4)
    worker, forgotten = player._worker, weakref.ref(player)
    del player
    gc.collect()
    worker.wait(PATIENCE)
    assert forgotten() is None
    assert bench.calls < 1000

    shown = bench.player()
    shown._repr_mimebundle_()
    alive = weakref.ref(shown)
    del shown
    gc.collect()
    assert alive() is not None


def test_no_thread_remains_when_nothing_runs() -> None:
    player = Bench().player()
    player.run()
    player.wait(PATIENCE)
    until(lambda: all(thread.name != "course-player" for thread in threading.enumerate()))


def test_the_interpreter_ends_in_the_middle_of_a_run() -> None:
    code = """
import ipywidgets, torch, time
from course_lib.constraints import L2Ball
from course_lib.pgd import Problem
from course_lib.widgets import Player
weight = torch.nn.Conv2d(3, 8, 3)
loss = lambda images: weight(images).square().flatten(1).mean(1)
player = Player(lambda: {"one": Problem(loss, torch.rand(1, 3, 32, 32), L2Ball(1.0), steps=10**9)}, names=["one"])
player.run()
while player._shown is None: time.sleep(0.01)
print("running")
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "running\n", "")


def test_controls_get_a_label_a_number_and_a_tooltip() -> None:
    slider, menu = widgets.FloatSlider(max=3), widgets.Dropdown(options=["a"])
    Player(lambda **_: Bench().make(1.0, 1), step_size=slider, kind=menu)._worker.wait(PATIENCE)
    assert (slider.description, menu.description) == ("step size", "kind")
    assert slider.readout
    assert not slider.continuous_update
    assert "0 to 3" in slider.tooltip


def test_memory_forgets_what_was_used_longest_ago() -> None:
    player = Bench().player()
    player.run()
    runs = player.wait(PATIENCE)
    size = sum(run.nbytes for run in runs.values())
    memory = Memory(2 * size)
    memory.keep({"a": 1}, runs)
    memory.keep({"a": 2}, runs)
    assert memory.recall({"a": 1}) is runs
    memory.keep({"a": 3}, runs)
    assert [memory.recall({"a": number}) is runs for number in (1, 2, 3)] == [True, False, True]
    memory.keep({"a": {1, 2}}, runs)
    assert memory.recall({"a": {1, 2}}) is None


def test_values_are_compared_by_content() -> None:
    assert frozen({"file": bytes([1])}) == frozen({"file": bytes([1])}) != frozen({"file": bytes([2])})
    assert frozen({"mask": np.arange(3)}) is None, "what cannot be compared is computed anew"


def test_sheets_have_grey_lines_between_and_jpeg_is_close() -> None:
    pictures = np.stack([np.full((4, 5, 3), value, np.uint8) for value in (0, 100, 255)])
    whole = sheet(pictures, 2)
    assert whole.shape == (9, 11, 3)
    assert (whole[0, 0, 0], whole[0, 5, 0], whole[0, 6, 0], whole[5, 0, 0], whole[8, 10, 0]) == (
        0,
        GREY,
        100,
        255,
        GREY,
    )
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode(whole, "png")))), whole)
    light = np.asarray(Image.open(io.BytesIO(encode(whole, "jpeg"))), dtype=float)
    assert np.abs(light - whole).mean() < 10


def test_charts_leave_out_what_is_not_finite_and_escape_names() -> None:
    lines = {"a<b": [(0, float("nan")), (1, 2.0), (2, float("inf"))], "empty": []}
    svg = Chart("loss & more", lines, steps=2, marked=2, write="{:.1f}".format, limits=None).svg()
    assert "a&lt;b from 2 to 2" in svg
    assert ">2.0</text>" in svg
    assert "loss &amp; more" in svg
    assert "nan" not in svg
    assert "inf" not in svg
    assert "nothing yet" in Chart("loss", {}, steps=0, marked=0, write=str, limits=None).svg()


@pytest.mark.parametrize(
    ("written", "shown"),
    [("2.500", "2.5"), ("25.00 dB", "25 dB"), ("-1.20 dB", "-1.2 dB"), ("10", "10"), ("100%", "100%")],
)
def test_axis_labels_end_without_zeros(written: str, shown: str) -> None:
    assert short(written) == shown


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.2, 7.9), (0.00012, 0.00034), (1e5, 4e6), (2.0, 2.0001)])
def test_ticks_are_few_and_inside(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 2 <= len(found) <= 6
    assert low <= found[0] < found[-1] <= high


@pytest.mark.parametrize("control", [controls.epsilon, controls.steps, controls.step_size])
def test_a_large_first_value_is_not_clipped_and_leaves_room(control: Callable[..., Any]) -> None:
    usual, large = control(1), control(200)
    assert usual.max == control(2).max
    assert (large.value, large.max) == (200, 300)
