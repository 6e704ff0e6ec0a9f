"""The line that says how far a long cell has come."""

from typing import Any

import pytest
from IPython.display import HTML

from course_lib.widgets import progress as module
from course_lib.widgets.progress import progress


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What stands under the cell, one text after the other; every look at the clock comes two seconds later."""
    seen: list[str] = []

    class Handle:
        def display(self, text: HTML) -> None:
            seen.append(str(text.data))

        update = display

    clock = iter(range(0, 100, 2))
    monkeypatch.setattr(module, "DisplayHandle", Handle)
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    return seen


def test_the_line_says_how_many_are_done_and_the_time_left_and_goes_away(lines: list[str]) -> None:
    assert list(progress({"a": 1, "b": 2, "c": 3}.items())) == [("a", 1), ("b", 2), ("c", 3)]
    ends = ["0 of 3 done", "1 of 3 done, about 4 s left", "2 of 3 done, about 2 s left", "3 of 3 done, about 0 s left"]
    assert lines == [*(f'<span role="status">Running: {end}</span>' for end in ends), ""]


def test_the_line_goes_away_where_the_cell_fails(lines: list[str]) -> None:
    def go(through: Any) -> None:
        for item in through:
            raise RuntimeError(item)

    with pytest.raises(RuntimeError, match="first"):
        go(progress(["first", "second"]))
    assert lines[-1] == ""
