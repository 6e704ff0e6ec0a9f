"""Holding a button, without a browser: what goes on, where the ball is, and what begins anew."""

import threading
import time
from dataclasses import replace

import pytest
import torch

from course_lib.constraints import L2Ball
from course_lib.datasets.strokes import Rectangle, image_of
from course_lib.pgd import Problem, solve
from course_lib.widgets import LOSS, Canvas, Evolve, controls
from tests.tools.demos import PATIENCE, status, until

SIZE, BURST = 8, 4
BOX = Rectangle(1, 1, 5, 5, "#ff0000")


class Table:
    """Quadratic problems from a drawing; each call of an objective waits at a gate."""

    def __init__(self, most: int = 8, pause: float = 0.0) -> None:
        self.gate, self.pause = threading.Event(), pause
        self.gate.set()
        self.canvas = Canvas(SIZE)
        anchor = controls.menu("anchor", [("on", True), ("off", False)], True)
        options = {"drawing": self.canvas, "target": controls.menu("target", [0.0, 0.5], 0.5), "anchored": anchor}
        self.evolve = Evolve(self.make, most=most, measures=[LOSS], **options)
        self.evolve._worker.wait(PATIENCE)

    def make(self, drawing: bytes, target: float, anchored: bool) -> dict[str, Problem]:
        start = image_of(drawing, SIZE)

        def loss(images: torch.Tensor) -> torch.Tensor:
            assert self.gate.wait(PATIENCE)
            time.sleep(self.pause)
            return (images - target).square().flatten(1).sum(1)

        centre = start if anchored else None
        problem = Problem(loss, start, L2Ball(0.5), centre=centre, steps=BURST, step_size=0.25)
        return {"robust": problem, "standard": problem}

    def moved(self) -> list[float]:
        start = image_of(self.canvas.value, SIZE)
        return [(run.images - start).norm().item() for run in self.evolve._growing.grown.runs.values()]


def test_it_goes_on_from_where_it_is_and_keeps_every_step() -> None:
    evolve = (table := Table()).evolve
    evolve.run()
    once = evolve.wait(PATIENCE)["robust"]
    assert (once.steps, len(once.losses), len(once.pictures)) == (list(range(9)), 9, 9)
    assert "Paused at step 8" in status(evolve)
    evolve.run(target=0.0)
    twice = evolve.wait(PATIENCE)["robust"]
    assert twice is once
    assert (twice.steps, len(twice.losses), len(twice.measures["loss"])) == (list(range(17)), 17, 17)
    assert evolve._screen.scrubber.max == 16
    assert table.moved() == pytest.approx([0.5, 0.5], abs=1e-4)


def test_an_anchored_ball_stays_and_the_other_moves_with_the_picture() -> None:
    evolve = (table := Table(most=12)).evolve
    evolve.run(anchored=False)
    evolve.wait(PATIENCE)
    assert table.moved() == pytest.approx([1.5, 1.5], abs=1e-3)  # three bursts of 0.5
    problem = table.make(b"", 0.5, False)["robust"]
    expected = problem.start
    for _ in range(3):
        expected = solve(Problem(problem.objective, expected, problem.ball, steps=BURST, step_size=0.25))
    assert torch.equal(evolve.results["robust"].images, expected)  # type: ignore[index]
    evolve.run(anchored=True)
    evolve.wait(PATIENCE)
    assert table.moved() == pytest.approx([0.5, 0.5], abs=1e-4)  # back into the ball around the drawing


def test_it_evolves_while_the_button_is_held() -> None:
    evolve = Table(most=10_000, pause=0.002).evolve
    evolve.hold.set_state({"held": True})
    until(lambda: evolve._growing.grown.step > 5)
    assert "Evolving" in status(evolve)
    evolve.hold.set_state({"held": False})
    assert "Stopped at step" in status(evolve)
    evolve._worker.wait(PATIENCE)
    step = evolve._growing.grown.step
    assert evolve._screen.scrubber.value in (step, step - 1)
    evolve.hold.set_state({"held": True})
    until(lambda: evolve._growing.grown.step > step + 5)
    evolve.hold.set_state({"held": False})
    evolve._worker.wait(PATIENCE)
    run = evolve._growing.grown.runs["robust"]
    assert run.steps[: step + 5] == list(range(step + 5))


def test_a_run_that_was_stopped_between_two_models_goes_on_level() -> None:
    evolve = (table := Table(most=4)).evolve
    evolve.run()
    evolve.wait(PATIENCE)
    growing = evolve._growing
    stream = growing(replace(evolve._request, values=evolve.values))
    for _ in range(4):  # where it stands; both models at step 4; one model at step 5
        next(stream)
    stream.close()
    assert [run.steps[-1] for run in growing.grown.runs.values()] == [5, 4]
    before = growing.grown.images["robust"]
    evolve.run()
    runs = evolve.wait(PATIENCE)
    assert [run.steps for run in runs.values()] == [list(range(9))] * 2
    assert torch.equal(runs["robust"].images, runs["standard"].images)
    assert before is not None
    assert table.moved() == pytest.approx([0.5, 0.5], abs=1e-4)


def test_looking_twice_at_once_where_it_rests_does_not_set_it_going() -> None:
    evolve = Table(most=10_000, pause=0.02).evolve
    with evolve._worker.lock:  # the second comes while the first is under way
        evolve.refresh()
        evolve.refresh()
    evolve._worker.wait(PATIENCE)
    assert "Ready at step 0" in status(evolve)


def test_a_new_drawing_begins_anew_also_while_it_evolves() -> None:
    evolve = (table := Table(most=10_000, pause=0.002)).evolve
    table.canvas.draw(BOX)
    evolve._worker.wait(PATIENCE)
    assert "Ready at step 0" in status(evolve)
    start = image_of(table.canvas.value, SIZE)
    assert torch.equal(evolve._growing.grown.images["robust"], start)
    evolve.run()
    until(lambda: evolve._growing.grown.step > 5)
    table.canvas.undo()
    white = torch.ones(1, 3, SIZE, SIZE)
    until(lambda: (run := evolve._growing.grown.runs.get("robust")) and torch.equal(run.problem.start, white))
    until(lambda: evolve._growing.grown.step > 5)
    evolve.stop()
    evolve._worker.wait(PATIENCE)


def test_another_target_while_it_rests_changes_nothing_yet_and_reset_begins_anew() -> None:
    evolve = (table := Table(most=4)).evolve
    evolve.run()
    evolve.wait(PATIENCE)
    evolve.controls["target"].value = 0.0
    evolve._worker.wait(PATIENCE)
    assert "Ready at step 4" in status(evolve)
    assert table.moved() == pytest.approx([0.5, 0.5], abs=1e-4)
    evolve.reset()
    evolve._worker.wait(PATIENCE)
    assert "Ready at step 0" in status(evolve)
    assert table.moved() == [0, 0]
    assert evolve.values["target"] == 0.5


def test_reset_while_it_evolves_leaves_nothing_behind() -> None:
    evolve = (table := Table(most=10_000, pause=0.001)).evolve
    for _ in range(15):
        evolve.run()
        until(lambda: evolve._growing.grown.step > 1)
        evolve.reset()
        evolve._worker.wait(PATIENCE)
        assert (evolve._growing.grown.step, table.moved()) == (0, [0, 0])
        assert [run.steps for run in evolve._growing.grown.runs.values()] == [[0], [0]]
    assert "Ready at step 0" in status(evolve)


@pytest.mark.parametrize("steps", [0, 61])
def test_a_burst_that_is_too_long_says_so(steps: int) -> None:
    table = Table()
    make = table.make

    def other(**values: object) -> dict[str, Problem]:
        return {n: Problem(p.objective, p.start, p.ball, steps=steps) for n, p in make(**values).items()}  # type: ignore[arg-type]

    options = {"target": controls.menu("target", [0.5], 0.5), "anchored": controls.menu("anchor", [True], True)}
    evolve = Evolve(other, drawing=Canvas(SIZE), **options)
    with pytest.raises(ValueError, match=r"^expected bursts of 1 to 60 steps"):
        evolve.wait(PATIENCE)
