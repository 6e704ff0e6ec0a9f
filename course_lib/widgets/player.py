"""The player: sliders that drive projected gradient descent, models side by side, and a slider through the steps."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from torch import Tensor

from course_lib.pgd import Problem
from course_lib.widgets.demo import PAUSE, Demo, Presets, Request, weakly
from course_lib.widgets.memory import Memory
from course_lib.widgets.runs import LOSS, Measure, Moment, Runs, Script, Update
from course_lib.widgets.screen import Screen
from course_lib.widgets.worker import Produce

FILM = 8  # pictures of a run that is played again, before its last one
MEMORY = 64_000_000  # bytes of finished runs that are kept


class Player(Demo):
    """Controls, by keyword, drive `make(**values)`, which returns a `Problem` for each of `names`; solved live.

    `make` and these run on a thread: `view` says what to show of a `Moment` in place of its images, such as images and
    perturbations in one batch; `caption` is a line of text under the pictures; `measures` are numbers shown there
    and drawn over the steps. A sheet has `columns` pictures in a row; `parts` are labels of its first pictures, or say
    them for the values of the controls. With a `divider` a sheet is two pictures, one on the other, and a line
    between, which first stands at so many percent.
    `presets` are values of controls by name, `{"weak": {"epsilon": 2.0}}`: a button for each.

    Moving a control runs. A run that is not wanted any more ends within one step; a finished one is remembered and
    comes back at once. Without a browser: `player.run(epsilon=3); robust = player.wait(30)["robust"].images`.
    """

    def __init__(
        self,
        make: Callable[..., Mapping[str, Problem]],
        *,
        names: Sequence[str] = ("robust", "standard"),
        view: Callable[[Moment], Tensor] | None = None,
        caption: Callable[[Moment], str] | None = None,
        measures: Sequence[Measure] = (LOSS,),
        columns: int = 2,
        parts: Sequence[str] | Callable[[Mapping[str, Any]], Sequence[str]] = (),
        presets: Presets = MappingProxyType({}),
        divider: int | None = None,
        **controls: Any,
    ) -> None:
        self._parts = parts if callable(parts) else lambda _: parts
        self.results: Runs | None = None  # of the last run that finished
        self._memory = Memory(MEMORY)
        looks: dict[str, Any] = {"columns": columns, "captioned": caption is not None, "divider": divider}
        face = Screen(names, controls, measures, presets=[*presets], **looks)
        super().__init__(self._playing(Script(make, names, view, caption, measures)), face, controls, presets)
        for control in controls.values():
            control.observe(weakly(self._changed), "value")

    def _playing(self, script: Script) -> Produce:
        """A function that does not hold the player: it works on a thread, which would keep the player alive."""
        return lambda request: (
            film(request.remembered) if request.remembered else script.play(request.values, request.only_start)
        )

    def play(self, preset: str) -> None:
        """Play the finished run of a preset again within a second, or compute it. Returns at once."""
        with self._worker.lock:
            self._set(self.first_values | dict(self.presets[preset]))
            self._submit(Request(self.values, remembered=self._memory.recall(self.values)))

    def _changed(self) -> None:
        """A control has moved: show what is remembered for its new value, or compute it."""
        with self._worker.lock:
            request = Request(self.values)
            if self._quiet:
                return
            if (runs := self._memory.recall(request.values)) is None:
                self._submit(request)
                return
            self._worker.cancel()
            self._begin(request)
            self._show(end(runs))
            self._finish(runs, "from memory")

    def _take(self, item: Update) -> None:
        """Show where the newest request stands: its start at once, then every `PAUSE`, and its end. Under the lock."""
        now = time.monotonic()
        early = self._shown is not None and now < self._due and not item.done
        if early or not item.level:
            return
        self._began = self._began or now
        self._show(item)
        self._due = now + PAUSE
        if item.done:
            self._finish(item.runs, "from memory" if self._request.remembered else f"in {now - self._began:.1f} s")
        else:
            self._say_where(item, now - self._began)

    def _show(self, item: Update) -> None:
        self._screen.parts = self._parts(self._request.values)
        super()._show(item)

    def _say_where(self, item: Update, seconds: float) -> None:
        self._busy(item.step / max(item.steps, 1), f"Running{self._where()}", seconds)

    def _finish(self, runs: Runs, how: str) -> None:
        if self._request.only_start:
            self._settle("Ready. Move a control, or press Run.")
            return
        self.results = runs
        self._memory.keep(self._request.values, runs)
        self._settle(f"Done: {max(run.steps[-1] for run in runs.values())} steps {how}.")


def end(runs: Runs) -> Update:
    """The end of finished runs."""
    steps = max(run.steps[-1] for run in runs.values())
    return Update(runs, steps, steps, level=True, done=True)


def film(runs: Runs) -> Iterator[Update]:
    """Finished runs once more, from the start to the end, in `FILM` pictures with a pause after each."""
    last = end(runs)
    for picture in range(FILM):
        yield replace(last, step=last.steps * picture // FILM, done=False)
        time.sleep(PAUSE)
    yield last
