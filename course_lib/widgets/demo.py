"""What every live demo has: controls, Run, Stop and Reset, a thread for the work, a slider back through the steps."""

import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from course_lib.one_line import OneLine
from course_lib.widgets.runs import Update
from course_lib.widgets.screen import Screen, parts
from course_lib.widgets.worker import LatestWins, Produce

PAUSE = 0.1  # seconds between two pictures, or two lines of status, while running, at least


@dataclass(frozen=True, repr=False)
class Request(OneLine):
    """What the controls ask for."""

    values: Mapping[str, Any]
    only_start: bool = False
    remembered: Any = None  # finished runs, to be played once more


Presets = Mapping[str, Mapping[str, Any]]
"""By name, values of some controls; the others take their first values."""


class Demo(ABC):
    """Work on a thread, for the newest request only: an item for every step, and `_take` says what is shown when."""

    def __init__(self, produce: Produce, screen: Screen, controls: dict[str, Any], presets: Presets) -> None:
        self._produce, self._screen, self.controls, self.presets = produce, screen, controls, presets
        self._request = Request({})  # the newest
        self._under_way = False
        self._shown: Update | None = None  # what is on the screen
        self._error: Exception | None = None
        self._began = self._due = 0.0  # times: when the run began to show; when its next item may be shown
        self._quiet = False
        self.first_values = self.values  # what the controls say again after a reset
        for name, values in presets.items():
            if unknown := ", ".join(sorted(set(values) - set(controls))):
                raise ValueError(f"expected controls among {', '.join(controls)} in preset {name!r}, got {unknown}")
            screen.presets[name].on_click(weakly(self.play, name))
        self._worker = LatestWins(produce, self._publish)
        screen.scrubber.observe(weakly(self._scrub), "value")
        screen.run_button.on_click(weakly(self.run))
        screen.stop_button.on_click(weakly(self.stop))
        screen.reset_button.on_click(weakly(self.reset))
        self.reset()

    @property
    def values(self) -> dict[str, Any]:
        """What the controls say now."""
        return {name: control.value for name, control in self.controls.items()}

    @property
    def has_run(self) -> bool:
        """Whether anything was asked for since the beginning, or since the last reset."""
        return not self._request.only_start

    @property
    def widget(self) -> Any:
        """The demo as a widget, to show or to put into a layout; from here on it lives as long as the widget does."""
        self._screen.widget.demo = self
        for part in parts(self._screen.widget):
            # ipykernel 7.4 hears a widget on the thread where it spoke last: the cell's, busy until the cell ends
            vars(part.comm)["_reply_subshell_for"] = lambda data, asked: asked
        return self._screen.widget

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.widget._repr_mimebundle_(**options)

    def run(self, **values: Any) -> None:
        """Set the controls named, if any, and compute, even what is remembered. Returns at once."""
        with self._worker.lock:
            self._set(values)
            self._submit(Request(self.values))

    def play(self, preset: str) -> None:
        """Run with the values of a preset. Returns at once."""
        self.run(**self.first_values | dict(self.presets[preset]))

    def compute(self, **values: Any) -> Any:
        """What `wait` gives, computed here and now for these values: neither screen nor controls are touched.

        The controls that are not named take their first values, so that an exploration changes nothing.
        """
        *_, last = self._anew()(Request(self.first_values | values))
        return last.runs

    def _anew(self) -> Produce:
        """What works on a request, with nothing kept of requests before."""
        return self._produce

    def stop(self) -> None:
        """End the run within one step. The steps so far stay on the screen and can be looked at."""
        with self._worker.lock:
            self._worker.cancel()
            if self._under_way:
                if self._shown is not None:
                    self._screen.show(self._shown, self._shown.step, final=True)
                self._settle(f"Stopped{self._where()}.")

    def reset(self) -> None:
        """Put the controls back to their first values and show the start."""
        with self._worker.lock:
            self._set(self.first_values)
            self._submit(Request(self.values, only_start=True))

    def wait(self, timeout: float | None = None) -> Any:
        """What is kept of the newest request, by name, once it is finished.

        Raises the error that ended the run, TimeoutError after `timeout` seconds, RuntimeError where no run finished.
        """
        self._worker.wait(timeout)
        if self._error is not None:
            raise self._error
        if self._request.only_start or self._shown is None or not self._shown.done:
            raise RuntimeError("expected a finished run: start one with run(), and do not stop it")
        return self._shown.runs

    @abstractmethod
    def _take(self, item: Any) -> None:
        """Show an item of the newest request, or leave it out. Under the lock."""

    def _publish(self, item: Any) -> None:
        """Take an item of the newest request, or show the exception that ended it. Under the lock."""
        if isinstance(item, Exception):
            self._error = item
            self._settle(f"{type(item).__name__}: {item}", wrong=True)
        else:
            self._take(item)

    def _set(self, values: Mapping[str, Any]) -> None:
        """Set controls without a run for each. Under the lock: changes from other threads wait, and are not lost."""
        self._quiet = True
        try:
            for name, value in values.items():
                self.controls[name].value = value
        finally:
            self._quiet = False

    def _submit(self, request: Request) -> None:
        self._begin(request)
        self._worker.submit(request)

    def _begin(self, request: Request) -> None:
        self._request, self._under_way, self._shown, self._error = request, True, None, None
        self._began = 0.0
        for name, values in self.presets.items():  # show which one the controls stand at
            stands = self.first_values | dict(values) == request.values
            self._screen.presets[name].button_style = "info" if stands else ""
        self._busy(0.0, "Preparing …")

    def _show(self, item: Update) -> None:
        self._shown = item
        self._screen.show(item, item.step, final=item.done)

    def _busy(self, share: float, text: str, seconds: float = 0.0) -> None:
        """How far the run has come, in so many seconds, and how long it will still take."""
        left = seconds * (1 - share) / share if share else 0.0
        self._screen.busy(share, text + (f" · {left:.1f} s left" if left else ""))

    def _where(self) -> str:
        return f" at step {self._shown.step} of {self._shown.steps}" if self._shown else ""

    def _settle(self, text: str, *, wrong: bool = False) -> None:
        """Nothing is under way any more, and the step slider is the person's."""
        self._under_way = False
        self._screen.settled(self._shown.step if self._shown else 0, text, wrong=wrong)

    def _scrub(self) -> None:
        """The step slider has moved: by a person, where nothing is under way."""
        with self._worker.lock:
            if not self._under_way and self._shown is not None:
                self._screen.show(self._shown, min(self._screen.scrubber.value, self._shown.step), final=True)


def weakly(method: Callable[..., None], *arguments: Any) -> Callable[..., None]:
    """The method, with these arguments, as a callback that does not keep its object alive."""
    reference = weakref.WeakMethod(method)

    def call(*_: Any) -> None:
        if (alive := reference()) is not None:
            alive(*arguments)

    return call
