"""A training to watch: curves and pictures while it runs, a slider back through it, and Stop within one step."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

from course_lib.one_line import OneLine
from course_lib.pixels import to_uint8
from course_lib.prepared import prepare
from course_lib.testbeds.weights import known, load_card, load_model
from course_lib.training.loop import Progress
from course_lib.widgets.demo import PAUSE, Demo, Presets, Request
from course_lib.widgets.runs import Kept, Measure, Update
from course_lib.widgets.screen import Screen

FIRST, SHARE = 10, 0.2  # the next look comes after so many steps, or after this share of the steps done

Source = Callable[..., Iterator[tuple[str, Progress | str]]]
"""Values of the controls -> whose training it is, and where it stands now or what it is busy with, again and again."""


class Score(Measure):
    """A number for every held-out picture, such as 1 where a model withstands an attack: `of` is (model) -> (B,)."""


@dataclass(repr=False)
class Trace(Kept):
    """What is kept of a training: pictures and scores at each step that was looked at."""

    model: nn.Module | None = None  # the newest, frozen
    last: int = 1  # the step at which the training ends


@dataclass(frozen=True, repr=False)
class Lesson(OneLine):
    """What is watched, without the widget: trainings from the same untrained models, and what is looked at."""

    source: Source
    untrained: Mapping[str, nn.Module]
    view: Callable[[nn.Module], Tensor]
    scores: Sequence[Score]

    def play(self, request: Request) -> Iterator[Update]:
        """Look at the untrained models, then follow the source: an item for every single step."""
        traces = {name: Trace() for name in self.untrained}
        for name, model in self.untrained.items():
            self.look(traces[name], model, 0)
            yield stage(traces, "Preparing …")
        yield stage(traces, level=True)
        for name, progress in () if request.only_start else self.source(**request.values):
            if isinstance(progress, str):
                yield stage(traces, progress)
                continue
            trace, step = traces[name], progress.step
            trace.last = progress.steps
            due = step == progress.steps or step >= trace.steps[-1] + max(FIRST, SHARE * trace.steps[-1])
            if due:
                self.look(trace, progress.model, step)
            said = f"{name}: step {step} of {progress.steps}"
            yield stage(traces, said, level=due, share=step / progress.steps)
        yield stage(traces, share=1.0, level=True, done=True)

    def look(self, trace: Trace, model: nn.Module, step: int) -> None:
        model = trace.model = prepare(model, device="cpu")
        trace.pictures.append(to_uint8(self.view(model)))
        for score in self.scores:
            trace.measures.setdefault(score.label, []).append(score.of(model).float())
        trace.captions.append(f"after {step} steps" if step else "untrained")
        trace.steps.append(step)


def stage(traces: dict[str, Trace], text: str = "", *, level: bool = False, **how: Any) -> Update:
    """Where trainings stand; `level` says that a model was looked at, so there is something new to show."""
    steps = max(trace.steps[-1] for trace in traces.values() if trace.steps)
    return Update(traces, steps, max(trace.last for trace in traces.values()), level, text=text, **how)


class Watch(Demo):
    """Trainings side by side: `source(**controls)` trains (or replays) on a thread.

    Now and then each model is looked at: `view` turns it into pictures, `scores` into numbers drawn over the steps.
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
        columns: int = 2,
        parts: Sequence[str] = (),
        presets: Presets = MappingProxyType({}),
        **controls: Any,
    ) -> None:
        looks: dict[str, Any] = {"columns": columns, "parts": parts, "presets": [*presets], "captioned": True}
        face = Screen([*untrained], controls, scores, **looks)
        super().__init__(Lesson(source, untrained, view, scores).play, face, controls, presets)

    def _take(self, item: Update) -> None:
        """Show where the newest run stands. Under the lock."""
        now = time.monotonic()
        self._began = self._began or (now if item.share else 0.0)
        if item.level:
            self._show(item)
        if item.done:
            self._settle("Ready. Press Run." if self._request.only_start else f"Done in {now - self._began:.0f} s.")
        elif item.level or now > self._due:
            self._busy(item.share, item.text, now - self._began)
            self._due = now + PAUSE


def replay(name: str) -> Iterator[Progress]:
    """The shipped snapshots of a training and its end, as `train` yields them, without losses and times."""
    for shipped in [*(snapshot for snapshot in known() if snapshot.startswith(f"{name}-")), name]:
        card = load_card(shipped)
        yield Progress(card.get("step", card["steps"]), card["steps"], math.nan, math.nan, 0.0, load_model(shipped))
