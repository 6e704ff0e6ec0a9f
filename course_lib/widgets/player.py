"""The player: sliders that drive projected gradient descent, models side by side, and a slider through the steps."""

import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from course_lib.pgd import Problem
from course_lib.widgets.memory import Memory
from course_lib.widgets.runs import LOSS, Measure, Moment, Runs, Script, Update
from course_lib.widgets.screen import Screen
from course_lib.widgets.worker import LatestWins

PAUSE = 0.1  # seconds between two pictures while running, at least
BYTES_A_SECOND = 400_000  # of pictures while running: a Jupyter server drops messages beyond 1,000,000
MEMORY = 64_000_000  # bytes of finished runs that are kept


class Request(NamedTuple):
    values: Mapping[str, Any]
    only_start: bool = False


class Player:
    """Controls, by keyword, drive `make(**values)`, which returns a `Problem` for each of `names`; solved live.

    `make` and these run on a thread: `view` says what to show of a `Moment` in place of its images, such as images and
    perturbations in one batch; `caption` is a line of text under the pictures; `measures` are numbers shown there
    and drawn over the steps. A sheet has `columns` pictures in a row, and a pixel is `scale` pixels of the screen wide.

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
        scale: int | None = None,
        columns: int = 4,
        **controls: Any,
    ) -> None:
        self.controls = controls
        self.results: Runs | None = None  # of the last run that finished
        self.finished = 0  # how many did
        self._request: Request | None = None  # what is under way
        self._update: Update | None = None  # what is on the screen
        self._error: Exception | None = None
        self._current = False  # whether `results` are those of the newest request
        self._quiet = False
        self._began = self._due = self._room = 0.0  # times: of the run's first picture; from when the next one may come
        self._memory = Memory(MEMORY)
        self._initial = self.values
        self._screen = Screen(names, controls, measures, scale=scale, columns=columns)
        script = Script(make, names, view, caption, measures)
        self._worker = LatestWins(lambda request: script.play(*request), self._publish)
        self._listen()
        self.reset()

    @property
    def values(self) -> dict[str, Any]:
        """What the controls say now."""
        return {name: control.value for name, control in self.controls.items()}

    @property
    def widget(self) -> Any:
        """The player as a widget, to show or to put into a layout; from here on it lives as long as the widget does."""
        self._screen.widget.player = self
        return self._screen.widget

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.widget._repr_mimebundle_(**options)

    def run(self, **values: Any) -> None:
        """Set the controls named, if any, and compute, even what is remembered. Returns at once."""
        with self._worker.lock:
            self._set(values)
            self._submit(Request(self.values))

    def stop(self) -> None:
        """End the run within one step. The steps so far stay on the screen and can be looked at."""
        with self._worker.lock:
            self._worker.cancel()
            if self._request is not None:
                where = self._show(self._update) if self._update else ""
                self._settle(f"Stopped{where}.")

    def reset(self) -> None:
        """Put the controls back to their first values and show the start."""
        with self._worker.lock:
            self._set(self._initial)
            self._submit(Request(self.values, only_start=True))

    def wait(self, timeout: float | None = None) -> Runs:
        """The trajectories of the newest request, by name, once it is finished.

        Raises the error that ended the run, TimeoutError after `timeout` seconds, RuntimeError where no run finished.
        """
        self._worker.wait(timeout)
        if self._error is not None:
            raise self._error
        if self.results is None or not self._current:
            raise RuntimeError("expected a finished run: call run() or move a control first, and do not stop it")
        return self.results

    def _listen(self) -> None:
        """Controls and buttons call methods that they do not keep alive."""
        screen = self._screen
        for control in self.controls.values():
            control.observe(weakly(self._changed), "value")
        screen.scrubber.observe(weakly(self._scrub), "value")
        for button, method in ((screen.run, self.run), (screen.stop, self.stop), (screen.reset, self.reset)):
            button.on_click(weakly(method))

    def _set(self, values: Mapping[str, Any]) -> None:
        """Set controls without a run for each. Under the lock: changes from other threads wait, and are not lost."""
        self._quiet = True
        try:
            for name, value in values.items():
                self.controls[name].value = value
        finally:
            self._quiet = False

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
            steps = max(run.steps[-1] for run in runs.values())
            self._show(Update(runs, steps, steps, level=True, done=True))
            self._finish(runs, "from memory")

    def _submit(self, request: Request) -> None:
        with self._worker.lock:
            self._begin(request)
            self._worker.submit(request)

    def _begin(self, request: Request) -> None:
        self._request, self._update, self._error, self._current = request, None, None, False
        self._screen.busy(0.0, "Preparing …")

    def _publish(self, item: Update | Exception) -> None:
        """Show where the newest request stands: its start at once, then every `PAUSE`, and its end. Under the lock."""
        if isinstance(item, Exception):
            self._error = item
            self._settle(f"{type(item).__name__}: {item}", wrong=True)
            return
        now = time.monotonic()
        first = self._update is None
        if not item.level or (now < (self._room if first else self._due) and not item.done):
            return
        self._began = now if first else self._began
        where = self._show(item)
        self._room = now + self._screen.sent / BYTES_A_SECOND
        self._due = max(now + PAUSE, self._room)
        if item.done:
            self._finish(item.runs, f"in {now - self._began:.1f} s")
        else:
            seconds = (now - self._began) / max(item.step, 1) * (item.steps - item.step)
            left = f" · {seconds:.1f} s left" if item.step else ""
            self._screen.busy(item.step / max(item.steps, 1), f"Running{where}{left}")

    def _show(self, update: Update) -> str:
        """Put an update on the screen; exact where no other is to follow, as after Stop. Says where it stands."""
        final = update.done or update is self._update
        self._update = update
        self._screen.show(update.runs, update.step, steps=update.steps, final=final)
        return f" at step {update.step} of {update.steps}"

    def _finish(self, runs: Runs, how: str) -> None:
        if self._request is None or self._request.only_start:
            self._settle("Ready. Move a control, or press Run.")
            return
        self.results, self._current = runs, True
        self.finished += 1
        self._memory.keep(self._request.values, runs)
        self._settle(f"Done: {max(run.steps[-1] for run in runs.values())} steps {how}.")

    def _settle(self, text: str, *, wrong: bool = False) -> None:
        """Nothing is under way any more, and the step slider is the person's."""
        self._screen.settled(self._update.step if self._update else 0, text, wrong=wrong)
        self._request = None

    def _scrub(self) -> None:
        """The step slider has moved: by a person, where nothing is under way."""
        with self._worker.lock:
            if self._request is None and self._update is not None:
                step, steps = self._screen.scrubber.value, self._update.steps
                self._screen.show(self._update.runs, min(step, self._update.step), steps=steps, final=True)


def weakly(method: Callable[..., None]) -> Callable[..., None]:
    """The method as a callback that does not keep its object alive."""
    reference = weakref.WeakMethod(method)

    def call(*_: Any) -> None:
        if (alive := reference()) is not None:
            alive()

    return call
