"""Hold a button, and the pictures go on changing from where they are, as in the authors' demo."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from course_lib.one_line import OneLine
from course_lib.pgd import Problem
from course_lib.widgets.buttons import Hold
from course_lib.widgets.demo import Request, weakly
from course_lib.widgets.player import Player
from course_lib.widgets.runs import KEPT, Runs, Script, Update
from course_lib.widgets.worker import Produce


class Grown(OneLine):
    """What has been played since the start: `step` is the last that all runs have come to, with its `images`."""

    def __init__(self) -> None:
        self.runs: Runs = {}
        self.reach(0)

    def reach(self, step: int) -> None:
        self.step, self.images = step, {name: run.images for name, run in self.runs.items()}


class Growing:
    """Runs that are continued: every request goes on from where the pictures are, in bursts of `problem.steps`.

    A burst starts from the picture as it is. So a problem without a centre has its ball around that picture, and the
    ball moves with it; a problem with a centre is anchored there. A new start begins anew.
    """

    def __init__(self, script: Script, most: int) -> None:
        self.script, self.most, self.grown = script, most, Grown()

    def __call__(self, request: Request) -> Iterator[Update]:
        """Yields where the runs stand, then after every single step; every step is kept."""
        problems = self.script.problems(request.values)
        bursts = {problem.steps for problem in problems.values()}
        if len(bursts) != 1 or not 1 <= (burst := bursts.pop()) <= KEPT:
            raise ValueError(f"expected bursts of 1 to {KEPT} steps, the same for all, got {bursts or burst}")
        grown = self.go_on(problems, request)
        begin = grown.step
        end = begin if request.only_start else begin + burst * math.ceil(self.most / burst)
        yield Update(grown.runs, begin, end, level=True, done=request.only_start)
        for done in range(begin, end, burst):
            current = {name: replace(problem, start=grown.images[name]) for name, problem in problems.items()}
            for update in self.script.walk(grown.runs, current, request.values, begin=done, end=end):
                if update.level:
                    grown.reach(update.step)
                yield update

    def go_on(self, problems: dict[str, Problem], request: Request) -> Grown:
        """Take the runs up where all of them stood, or begin new ones where the start is another."""
        grown = self.grown
        if any(not torch.equal(run.problem.start, problems[name].start) for name, run in grown.runs.items()):
            grown = self.grown = Grown()  # a run that is under way goes on with what it has, unseen
        for name, problem in problems.items():
            if (run := grown.runs.get(name)) is None:
                grown.runs[name] = self.script.begun(name, problem, request.values)
                continue
            run.images, run.problem = grown.images[name], problem
            kept: list[list[Any]] = [run.steps, run.pictures, run.captions, run.every_loss, *run.measures.values()]
            for each in kept:
                del each[grown.step + 1 :]  # every step is kept, so the step is the place
        grown.reach(grown.step)
        return grown


class Evolve(Player):
    """A player that goes on while its button is held, from the pictures and with the controls as they are.

    `make(**values)` returns problems that start from the same picture whenever nothing new is drawn; their `steps` are
    one burst, at most 60. Run does the same as holding the button, until Stop, or for `most` steps. Without a browser:
    `evolve.run(target=3); evolve.wait(60)["robust"].images`, and once more to go on.
    """

    def __init__(self, make: Callable[..., dict[str, Problem]], *, most: int = 600, **options: Any) -> None:
        self._most = most
        super().__init__(make, **options)
        self.hold = Hold(description="Hold to evolve")
        self.hold.observe(weakly(self._held), "held")
        self._screen.bar.children = (self.hold, *self._screen.bar.children)

    @property
    def images(self) -> dict[str, Tensor]:
        """The pictures as they are, (B, 3, H, W) by name."""
        with self._worker.lock:
            return dict(self._growing.grown.images)

    def stop(self) -> None:
        """End within one step, and show the last step that all runs have come to."""
        with self._worker.lock:
            if self._under_way and self._shown is not None:
                grown = self._growing.grown
                self._shown = Update(grown.runs, grown.step, grown.step, level=True)
            super().stop()

    def reset(self) -> None:
        """Put the controls back to their first values and begin anew."""
        with self._worker.lock:
            self._growing.grown = Grown()
            super().reset()

    def _playing(self, script: Script) -> Produce:
        self._growing = Growing(script, self._most)  # the one that the person sees
        return self._growing

    def _anew(self) -> Produce:
        return Growing(self._growing.script, self._most)

    def _held(self) -> None:
        if self.hold.held:
            self.run()
        else:
            self.stop()

    def refresh(self) -> None:
        """Go on with the controls as they are where something is under way, else only show where things stand."""
        with self._worker.lock:
            evolving = self._under_way and not self._request.only_start
            self._submit(Request(self.values, only_start=not evolving))

    def _changed(self) -> None:
        with self._worker.lock:
            if not self._quiet:
                self.refresh()

    def _finish(self, runs: Runs, how: str) -> None:
        if self._request.only_start:
            self._settle(f"Ready{self._where()}. Hold the button, or press Run.")
            return
        self.results = runs
        self._settle(f"Paused{self._where()}. Hold the button, or press Run, to go on.")

    def _say_where(self, item: Update, seconds: float) -> None:
        self._busy(item.step / max(item.steps, 1), f"Evolving{self._where()} …")

    def _where(self) -> str:
        return f" at step {self._shown.step}" if self._shown else ""
