"""A training to watch: curves and pictures while it runs, a slider back through it, and Stop within one step."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

from course_lib.testbeds.weights import known, load_card, load_model
from course_lib.training.loop import Progress
from course_lib.widgets.demo import PAUSE, Demo, Presets
from course_lib.widgets.lessons import Lesson, Score, Source, Stage
from course_lib.widgets.screen import Screen
from course_lib.widgets.worker import Produce


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
        self._lesson = Lesson(source, untrained, view, scores)
        face = Screen(
            list(untrained), controls, scores, columns=columns, parts=parts, presets=[*presets], captioned=True
        )
        super().__init__(self._anew(), face, controls, presets)

    def _anew(self) -> Produce:
        lesson = self._lesson
        return lambda request: lesson.play(request.values, request.only_start)

    def _take(self, item: Stage) -> None:
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
