"""What is watched of trainings, without any widget: pictures and scores of each model, now and then."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from course_lib.one_line import OneLine
from course_lib.pixels import to_uint8
from course_lib.prepare import prepare
from course_lib.training.loop import Progress
from course_lib.widgets.runs import Kept, Measure, Update

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
class Stage(Update):
    """Where trainings stand; `level` says that a model was looked at, so there is something new to show."""

    text: str = ""
    share: float = 0.0  # of the training under way that is done


@dataclass(frozen=True, repr=False)
class Lesson(OneLine):
    """What is watched, without any widget: trainings from the same untrained models, and what is looked at."""

    source: Source
    untrained: Mapping[str, nn.Module]
    view: Callable[[nn.Module], Tensor]
    scores: Sequence[Score]

    def play(self, values: Mapping[str, Any], only_start: bool = False) -> Iterator[Stage]:
        """Look at the untrained models, then follow the source: an item for every single step."""
        traces = {name: Trace() for name in self.untrained}
        for name, model in self.untrained.items():
            self.look(traces[name], model, 0)
            yield stage(traces, "Preparing …")
        yield stage(traces, level=True, done=only_start)
        if only_start:
            return
        for name, progress in self.source(**values):
            if isinstance(progress, str):
                yield stage(traces, progress)
                continue
            trace, step = traces[name], progress.step
            trace.last = progress.steps
            due = step == progress.steps or step >= trace.steps[-1] + max(FIRST, SHARE * trace.steps[-1])
            if due:
                self.look(trace, progress.model, step)
            yield stage(traces, f"{name}: step {step} of {progress.steps}", step / progress.steps, level=due)
        yield stage(traces, share=1.0, level=True, done=True)

    def look(self, trace: Trace, model: nn.Module, step: int) -> None:
        model = trace.model = prepare(model, device="cpu")
        trace.pictures.append(to_uint8(self.view(model)))
        for score in self.scores:
            trace.measures.setdefault(score.label, []).append(score.of(model).float())
        trace.captions.append(f"after {step} steps" if step else "untrained")
        trace.steps.append(step)


def stage(
    traces: dict[str, Trace], text: str = "", share: float = 0.0, *, level: bool = False, done: bool = False
) -> Stage:
    steps = [trace.steps[-1] for trace in traces.values() if trace.steps]
    return Stage(traces, max(steps), max(trace.last for trace in traces.values()), level, done, text, share)
