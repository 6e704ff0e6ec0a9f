"""What is watched of trainings, without any widget: pictures and scores of each model, now and then."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor, nn

from course_lib.pixels import to_uint8
from course_lib.prepare import prepare
from course_lib.training.loop import Progress

FIRST, SHARE = 10, 0.2  # the next look comes after so many steps, or after this share of the steps done

Source = Callable[..., Iterator[tuple[str, Progress | str]]]
"""Values of the controls -> whose training it is, and where it stands now or what it is busy with, again and again."""


@dataclass(frozen=True)
class Score:
    """A number for every held-out picture of a model, such as 1 where it withstands an attack: (model) -> (B,)."""

    label: str
    of: Callable[[nn.Module], Tensor]
    text: str | None = "{:.0%}"
    limits: tuple[float, float] | None = (0.0, 1.0)


@dataclass
class Course:
    """What is kept of one training: pictures and scores of each step that was looked at."""

    steps: list[int] = field(default_factory=list)
    pictures: list[np.ndarray] = field(default_factory=list)  # (B, H, W, 3) uint8
    captions: list[str] = field(default_factory=list)
    measures: dict[str, list[Tensor]] = field(default_factory=dict)  # label -> (B,) for each of the steps
    model: nn.Module | None = None  # the newest, frozen
    last: int = 1  # the step at which the training ends

    @property
    def images(self) -> Tensor:
        """One item for each held-out picture: the screen counts them."""
        return next(iter(self.measures.values()))[-1]

    def line(self, label: str) -> list[float]:
        """The mean score at each of the steps."""
        return [numbers.mean().item() for numbers in self.measures[label]]


class Stage(NamedTuple):
    """Where a lesson stands; `news` says that there is something new to see."""

    runs: dict[str, Course]
    text: str = ""
    share: float = 0.0
    news: bool = False
    done: bool = False

    @property
    def step(self) -> int:
        return max(course.steps[-1] for course in self.runs.values())

    @property
    def steps(self) -> int:
        return max(course.last for course in self.runs.values())


@dataclass(frozen=True)
class Lesson:
    """What is watched, without any widget: trainings from the same untrained models, and what is looked at."""

    source: Source
    untrained: Mapping[str, nn.Module]
    view: Callable[[nn.Module], Tensor]
    scores: Sequence[Score]

    def play(self, values: Mapping[str, Any], only_start: bool = False) -> Iterator[Stage]:
        """Look at the untrained models, then follow the source: an item for every single step."""
        courses = {name: Course() for name in self.untrained}
        for name, model in self.untrained.items():
            self.look(courses[name], model, 0)
            yield Stage(courses, "Preparing …", 0.0)
        yield Stage(courses, "", 0.0, news=True, done=only_start)
        if only_start:
            return
        for name, progress in self.source(**values):
            if isinstance(progress, str):
                yield Stage(courses, progress, 0.0)
                continue
            course, step = courses[name], progress.step
            course.last = progress.steps
            news = step == progress.steps or step >= course.steps[-1] + max(FIRST, SHARE * course.steps[-1])
            if news:
                self.look(course, progress.model, step)
            yield Stage(courses, f"{name}: step {step} of {progress.steps}", step / progress.steps, news)
        yield Stage(courses, "", 1.0, news=True, done=True)

    def look(self, course: Course, model: nn.Module, step: int) -> None:
        model = course.model = prepare(model, device="cpu")
        course.pictures.append(to_uint8(self.view(model)))
        for score in self.scores:
            course.measures.setdefault(score.label, []).append(score.of(model).float())
        course.captions.append(f"after {step} steps" if step else "untrained")
        course.steps.append(step)
