"""Watching a training, without a browser: real widgets and threads, and trainings that can be held up."""

import copy
import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from course_lib.testbeds.weights import load_card
from course_lib.training.loop import Progress
from course_lib.widgets import Score, Watch, controls, replay
from tests.tools import tiny
from tests.tools.demos import PATIENCE, status, until

NAMES = ("robust", "standard")
PICTURES, NETWORK = tiny.images(2).float(), tiny.network().float()


def bias(model: nn.Module) -> float:
    return model.head.bias[0].item()  # type: ignore[union-attr, index, operator]


def after(step: int) -> nn.Module:
    """A network that tells by its bias for how many steps it was trained."""
    model = copy.deepcopy(NETWORK)
    with torch.no_grad():
        model.head.bias[0] = step
    return model


class Gym:
    """Trainings of two networks in lockstep, which count their steps and wait at a gate."""

    def __init__(self) -> None:
        self.gate, self.steps, self.closed = threading.Event(), 0, 0
        self.gate.set()

    def train(self, steps: int) -> Iterator[tuple[str, Progress | str]]:
        yield "robust", "Fetching pictures"
        try:
            for step in range(1, steps + 1):
                for name in NAMES:
                    assert self.gate.wait(PATIENCE)
                    self.steps += 1
                    yield name, Progress(step, steps, 0.0, 0.0, 0.0, after(step))  # type: ignore[arg-type]
        finally:
            self.closed += 1

    def watch(self) -> Watch:
        watch = Watch(
            self.train,
            {name: after(0) for name in NAMES},
            view=lambda model: (PICTURES * bias(model) / 100).clamp(0, 1),
            scores=[
                Score("trained", lambda model: torch.full((5,), bias(model)), None, None),
                Score("of three", lambda model: torch.ones(3)),
            ],
            steps=controls.slider("training steps", 40, low=1, high=10_000, step=1),
        )
        watch._worker.wait(PATIENCE)
        return watch


def test_a_run_is_looked_at_from_the_untrained_network_to_the_last_step() -> None:
    watch = Gym().watch()
    assert "Ready. Press Run." in status(watch)
    watch.run(steps=45)
    traces = watch.wait(PATIENCE)
    assert set(traces) == set(NAMES)
    for trace in traces.values():
        assert trace.steps == [0, 10, 20, 30, 40, 45]
        assert trace.captions[:2] == ["untrained", "after 10 steps"]
        assert trace.line("trained") == [0, 10, 20, 30, 40, 45]
        assert [len(sheet) for sheet in trace.pictures] == [len(PICTURES)] * 6
        assert trace.model is not None
        assert bias(trace.model) == 45
    assert "Done in" in status(watch)
    caption = watch._screen.captions["robust"].value
    assert "trained, mean of 5<" in caption
    assert "of three, mean of 3<" in caption


def test_looks_become_rarer_in_a_long_training() -> None:
    watch = Gym().watch()
    watch.run(steps=200)
    steps = watch.wait(PATIENCE)["robust"].steps
    assert steps[:6] == [0, 10, 20, 30, 40, 50]
    assert len(steps) < 16


def test_stop_ends_within_one_step_and_keeps_what_was_seen() -> None:
    gym = Gym()
    watch = gym.watch()
    watch.run(steps=10_000)
    until(lambda: watch._screen.scrubber.value >= 10)
    gym.gate.clear()
    before = gym.steps
    watch.stop()
    assert "Stopped" in status(watch)  # at once, though a step is still at work
    gym.gate.set()
    watch._worker.wait(PATIENCE)
    assert gym.steps <= before + 2
    assert gym.closed == 1
    assert not watch._screen.scrubber.disabled
    with pytest.raises(RuntimeError, match="finished run"):
        watch.wait(PATIENCE)


def test_a_network_without_training_stays_what_it_was() -> None:
    watch = Watch(
        lambda: iter([("robust", Progress(10, 10, 0.0, 0.0, 0.0, after(10)))]),  # type: ignore[arg-type]
        {name: after(0) for name in NAMES},
        view=lambda model: PICTURES,
        scores=[Score("trained", lambda model: torch.full((1,), bias(model)), None, None)],
    )
    watch.run()
    traces = watch.wait(PATIENCE)
    assert (traces["robust"].steps, traces["standard"].steps) == ([0, 10], [0])


def test_a_forgotten_demo_ends_its_work() -> None:
    gym = Gym()
    watch = gym.watch()
    watch.run(steps=10_000)
    until(lambda: gym.steps > 4)
    gone = weakref.ref(watch)
    del watch
    gc.collect()
    until(lambda: gone() is None and gym.closed == 1)


def test_the_replay_plays_the_shipped_snapshots_in_order() -> None:
    moments = list(replay("picturebook-live"))
    steps = [moment.step for moment in moments]
    assert len(steps) == 8
    assert steps == sorted(steps)
    assert steps[-1] == moments[-1].steps
    last: Tensor = moments[-1].model.head.weight
    assert last.shape == (load_card("picturebook-live")["recipe"]["classes"], 96)
