"""What the tests of all live demos need: patience, and the line that says how a demo stands."""

import time
from collections.abc import Callable

from course_lib.widgets.demo import Demo

PATIENCE = 180.0  # seconds; only a broken demo needs them


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.002)


def status(demo: Demo) -> str:
    return str(demo._screen.status.value)
