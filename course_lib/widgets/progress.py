"""How far a long cell has come, and how long it will still take."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from IPython.display import HTML, DisplayHandle

Item = TypeVar("Item")


def progress(items: Iterable[Item]) -> Iterator[Item]:
    """Go through items: a line under the cell says how many are done and the time left, and goes away at the end."""
    every, line, began = list(items), DisplayHandle(), time.monotonic()
    line.display(said(0, len(every), 0.0))
    try:
        for done, item in enumerate(every, start=1):
            yield item
            line.update(said(done, len(every), time.monotonic() - began))
    finally:
        line.update(HTML(""))


def said(done: int, count: int, seconds: float) -> HTML:
    """The line, after so many seconds."""
    left = f", about {seconds / done * (count - done):.0f} s left" if done else ""
    return HTML(f'<span role="status">Running: {done} of {count} done{left}</span>')
