"""A training to watch: curves and pictures while it runs, a slider back through it, and Stop within one step."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from course_lib.models import prepare
from course_lib.pixels import to_uint8
from course_lib.training import Progress
from course_lib.weights import known, load_card, load_model
from course_lib.widgets.player import weakly
from course_lib.widgets.runs import Measure, Runs
from course_lib.widgets.screen import Screen
from course_lib.widgets.worker import LatestWins

PAUSE = 0.1  # seconds between two lines of status, at least
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

    courses: dict[str, Course]
    text: str = ""
    share: float = 0.0
    news: bool = False
    done: bool = False

    @property
    def step(self) -> int:
        return max(course.steps[-1] for course in self.courses.values())

    @property
    def steps(self) -> int:
        return max(course.last for course in self.courses.values())


@dataclass(frozen=True)
class Lesson:
    """What is watched, without any widget: trainings from the same untrained models, and what is looked at."""

    source: Source
    untrained: Mapping[str, nn.Module]
    view: Callable[[nn.Module], Tensor]
    scores: Sequence[Score]

    def play(self, values: Mapping[str, Any] | None) -> Iterator[Stage]:
        """Look at the untrained models, then follow the source (not for None): an item for every single step."""
        courses = {name: Course() for name in self.untrained}
        for name, model in self.untrained.items():
            self.look(courses[name], model, 0)
            yield Stage(courses, "Preparing …", 0.0)
        yield Stage(courses, "", 0.0, news=True, done=values is None)
        if values is None:
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


class Watch:
    """Trainings side by side: `source(**controls)` trains (or replays) on a thread, and now and then each model is
    looked at: `view` turns it into pictures, `scores` into numbers that are drawn over the steps.

    Run trains, Stop ends within one step; afterwards the slider goes back through the training. Without a browser:
    `watch.run(); accuracies = watch.wait(60)["robust"].line("accuracy")`.
    """

    def __init__(
        self,
        source: Source,
        untrained: Mapping[str, nn.Module],
        *,
        view: Callable[[nn.Module], Tensor],
        scores: Sequence[Score],
        columns: int = 4,
        scale: int | None = None,
        **controls: Any,
    ) -> None:
        self.controls = controls
        self._stage: Stage | None = None  # what is on the screen
        self._error: Exception | None = None
        self._request: Mapping[str, Any] | None = None  # the values of the controls of the newest run; None: no run
        self._under_way = False
        self._began = self._due = 0.0  # times: of the first step; from when the next line of status may come
        measures = [Measure(score.label, lambda moment: torch.zeros(0), score.text, score.limits) for score in scores]
        self._screen = Screen(list(untrained), controls, measures, scale=scale, columns=columns)
        lesson = Lesson(source, untrained, view, scores)
        self._worker = LatestWins(lesson.play, self._publish)
        screen = self._screen
        screen.scrubber.observe(weakly(self._scrub), "value")
        for button, method in ((screen.run, self.run), (screen.stop, self.stop), (screen.reset, self.reset)):
            button.on_click(weakly(method))
        self.reset()

    @property
    def widget(self) -> Any:
        """The demo as a widget; from here on it lives as long as the widget does."""
        self._screen.widget.player = self
        return self._screen.widget

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.widget._repr_mimebundle_(**options)

    def run(self, **values: Any) -> None:
        """Set the controls named, if any, and train from the start. Returns at once."""
        with self._worker.lock:
            for name, value in values.items():
                self.controls[name].value = value
            self._submit({name: control.value for name, control in self.controls.items()})

    def stop(self) -> None:
        """End the training within one step. What was looked at so far stays on the screen."""
        with self._worker.lock:
            self._worker.cancel()
            if self._under_way:
                self._settle("Stopped.")

    def reset(self) -> None:
        """Back to the untrained models."""
        with self._worker.lock:
            self._submit(None)

    def wait(self, timeout: float | None = None) -> dict[str, Course]:
        """What is kept of each training of the newest run, by name, once it is finished.

        Raises the error that ended the run, TimeoutError after `timeout` seconds, RuntimeError where no run finished.
        """
        self._worker.wait(timeout)
        if self._error is not None:
            raise self._error
        if self._request is None or self._stage is None or not self._stage.done:
            raise RuntimeError("expected a finished training: call run() first, and do not stop it")
        return self._stage.courses

    def _submit(self, values: Mapping[str, Any] | None) -> None:
        self._request, self._stage, self._error, self._began = values, None, None, 0.0
        self._under_way = True
        self._screen.busy(0.0, "Preparing …")
        self._worker.submit(values)

    def _publish(self, item: Stage | Exception) -> None:
        """Show where the newest run stands. Under the lock."""
        if isinstance(item, Exception):
            self._error = item
            self._settle(f"{type(item).__name__}: {item}", wrong=True)
            return
        now = time.monotonic()
        self._began = self._began or (now if item.share else 0.0)
        if item.news:
            self._stage = item
            self._show(item.step, final=item.done)
        if item.done:
            self._settle("Ready. Press Run." if self._request is None else f"Done in {now - self._began:.0f} s.")
        elif item.news or now > self._due:
            left = (now - self._began) * (1 - item.share) / item.share if item.share else 0.0
            self._screen.busy(item.share, item.text + (f" · {left:.0f} s left" if left else ""))
            self._due = now + PAUSE

    def _show(self, step: int, *, final: bool) -> None:
        assert self._stage is not None
        runs = cast(Runs, self._stage.courses)  # the screen asks for no more than a `Course` has
        self._screen.show(runs, step, steps=self._stage.steps, final=final)

    def _settle(self, text: str, *, wrong: bool = False) -> None:
        """Nothing is under way any more, and the step slider is the person's."""
        self._under_way = False
        self._screen.settled(self._stage.step if self._stage else 0, text, wrong=wrong)

    def _scrub(self) -> None:
        """The step slider has moved: by a person, where nothing is under way."""
        with self._worker.lock:
            if not self._under_way and self._stage is not None:
                self._show(min(self._screen.scrubber.value, self._stage.step), final=True)


def replay(name: str) -> Iterator[Progress]:
    """The shipped snapshots of a training, as `train` would yield them; what it lost and when is not known."""
    for snapshot in known():
        if snapshot.startswith(f"{name}-") and "step" in (card := load_card(snapshot)):
            yield Progress(card["step"], card["steps"], math.nan, math.nan, 0.0, load_model(snapshot))
