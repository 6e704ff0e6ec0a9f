"""How far the grading of a class is: one line that changes on a terminal, elsewhere a line now and then."""

import sys
import time
from collections.abc import Callable
from threading import Lock
from typing import TextIO

EVERY = 30.0  # seconds between two lines where nobody looks at a terminal


class Progress:
    """Counts students whose code has run, and says how much time the others will take."""

    def __init__(self, total: int, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.total, self.stream, self.clock = total, stream or sys.stderr, clock
        self.done, self.begin, self.lock = 0, clock(), Lock()
        self.said = self.begin

    def begins(self) -> None:
        print(f"{self.total} to grade, after the reference solutions", file=self.stream, flush=True)

    def step(self) -> None:
        with self.lock:
            self.done += 1
            now, last = self.clock(), self.done == self.total
            left = (now - self.begin) / self.done * (self.total - self.done)
            line = f"{self.done} of {self.total} graded, {self.done / self.total:.0%}, {minutes(left)} left"
            if self.stream.isatty():
                print(f"\r{line:60}", end="\n" if last else "", file=self.stream, flush=True)
            elif last or now - self.said >= EVERY:
                self.said = now
                print(line, file=self.stream, flush=True)


def minutes(seconds: float) -> str:
    return f"{round(seconds)} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"
