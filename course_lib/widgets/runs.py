"""What a player computes, without any widget: several problems solved in lockstep, and what is kept of each."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.one_line import OneLine
from course_lib.pgd import Frame, Problem, frames
from course_lib.pixels import to_uint8

KEPT = 60  # pictures kept of a run, beside the last one


@dataclass(frozen=True, repr=False)
class Moment(OneLine):
    """One of the runs at one step: what `view`, `caption` and the measures are given."""

    name: str
    problem: Problem
    frame: Frame
    values: Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class Measure(OneLine):
    """A number for every image, such as the judge's probability: shown under the pictures and drawn over the steps."""

    label: str
    of: Callable[[Any], Tensor]  # (Moment) -> (B,)
    text: str | None = "{:.0%}"  # how a number is written; None: with at most three decimals
    limits: tuple[float, float] | None = (0.0, 1.0)  # of the vertical axis; None: those of the data

    def write(self, number: float) -> str:
        if self.text is not None:
            return self.text.format(number)
        return f"{number:.{3 if abs(number) < 10 else 1 if abs(number) < 1000 else 0}f}"


LOSS = Measure("loss", lambda moment: moment.frame.losses, None, None)


@dataclass(kw_only=True, repr=False)
class Kept(OneLine):
    """What is kept of a run, for the steps in `steps`."""

    steps: list[int] = field(default_factory=list)
    pictures: list[np.ndarray] = field(default_factory=list)  # (B, H, W, 3) uint8, as they are shown
    captions: list[str] = field(default_factory=list)
    measures: dict[str, list[Tensor]] = field(default_factory=dict)  # label -> (B,) for each of the steps

    def line(self, label: str) -> list[float]:
        """The mean of a measure at each of the steps."""
        return [numbers.mean().item() for numbers in self.measures[label]]


@dataclass(repr=False)
class Trajectory(Kept):
    """What is kept of a solved problem: the losses of every step, and what is shown of about 60 steps."""

    problem: Problem
    images: Tensor  # the newest, (B, 3, H, W), exact
    every_loss: list[Tensor] = field(default_factory=list)

    @property
    def losses(self) -> Tensor:
        """The loss of every image after every step, (steps + 1, B)."""
        return torch.stack(self.every_loss)

    @property
    def nbytes(self) -> int:
        return sum(picture.nbytes for picture in self.pictures) + self.images.nbytes


Runs = dict[str, Trajectory]


@dataclass(frozen=True, repr=False)
class Update(OneLine):
    """Where the runs stand. `level` says that it may be shown: all of them stand at the same step."""

    runs: dict[str, Any]  # each a Kept
    step: int
    steps: int
    level: bool
    done: bool = False
    text: str = ""  # what the work is busy with
    share: float = 0.0  # of the training under way that is done


@dataclass(frozen=True, repr=False)
class Script(OneLine):
    """What a player plays: `make(**values)` gives the named problems; the rest says what to show of them."""

    make: Callable[..., Mapping[str, Problem]]
    names: Sequence[str]
    view: Callable[[Moment], Tensor] | None = None
    caption: Callable[[Moment], str] | None = None
    measures: Sequence[Measure] = (LOSS,)

    def play(self, values: Mapping[str, Any], only_start: bool = False) -> Iterator[Update]:
        """Solve all problems side by side, a step each in turn. Yields the starts, then after every single step."""
        problems = self.problems(values)
        if only_start:
            problems = {name: replace(problem, steps=0) for name, problem in problems.items()}
        steps = max(problem.steps for problem in problems.values())
        runs = {name: self.begun(name, problem, values) for name, problem in problems.items()}
        yield Update(runs, 0, steps, level=True)
        yield from self.walk(runs, problems, values, begin=0, end=steps)

    def walk(
        self, runs: Runs, problems: Mapping[str, Problem], values: Mapping[str, Any], *, begin: int, end: int
    ) -> Iterator[Update]:
        """Solve problems from where their runs stand, at step `begin` of `end`; a moment has its run's problem."""
        streams = {name: frames(problem) for name, problem in problems.items()}
        for step in range(begin, begin + max(problem.steps for problem in problems.values()) + 1):
            for name, stream in streams.items():
                run, frame = runs[name], next(stream, None)
                # A problem with fewer steps rests at its end; the end of the steps before is known.
                if frame is not None and len(run.every_loss) <= step:
                    self.keep(run, Moment(name, run.problem, replace(frame, step=step), values))
                level = name == self.names[-1]
                yield Update(runs, step, end, level, done=level and step == end)

    def problems(self, values: Mapping[str, Any]) -> dict[str, Problem]:
        problems = self.make(**values)
        if set(problems) != set(self.names):
            raise ValueError(f"expected problems named {', '.join(self.names)}, got {', '.join(problems)}")
        return {name: problems[name] for name in self.names}

    def begun(self, name: str, problem: Problem, values: Mapping[str, Any]) -> Trajectory:
        run = Trajectory(problem, problem.start)
        self.look(run, Moment(name, problem, Frame(0, problem.start, torch.zeros(0)), values))
        return run

    @torch.no_grad()
    def look(self, run: Trajectory, moment: Moment) -> None:
        """Keep the picture of a moment."""
        run.images = moment.frame.images
        run.pictures.append(to_uint8(self.view(moment) if self.view else moment.frame.images))
        run.steps.append(moment.frame.step)

    @torch.no_grad()
    def keep(self, run: Trajectory, moment: Moment) -> None:
        """Keep the loss of a step and, where it is one of those kept, its picture and what is said of it."""
        step, last = moment.frame.step, moment.problem.steps
        run.every_loss.append(moment.frame.losses.cpu())
        if step % math.ceil(max(last, 1) / KEPT) and step != last:
            return
        for measure in self.measures:
            run.measures.setdefault(measure.label, []).append(measure.of(moment).detach().cpu())
        run.captions.append(self.caption(moment) if self.caption else "")
        if step:  # the start has been looked at already
            self.look(run, moment)
