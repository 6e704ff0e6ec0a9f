"""No cell keeps a person waiting: at most 20 seconds each at full length, and 4 minutes for a whole notebook."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.notebooks.test_notebooks import NOTEBOOKS
from tests.tools.clock import cells

MOST_FOR_A_CELL, MOST_FOR_A_NOTEBOOK = 20, 240  # seconds of one thread, so less on two idle cores


def test_the_clock_counts_work_and_not_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_FAST", "1")
    busy = "import time\nend = time.process_time() + 1\nwhile time.process_time() < end: pass"
    sources = ["import os, time\nassert 'COURSE_FAST' not in os.environ", "time.sleep(1)", busy]
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), tmp_path / "some.ipynb")
    times = list(cells(tmp_path / "some.ipynb"))
    assert [(cell.number, cell.line) for cell in times[1:]] == [(1, "time.sleep(1)"), (2, "import time")]
    assert times[1].seconds < 1 <= times[2].seconds + 0.02


@pytest.mark.full
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_cell_and_no_notebook_takes_too_long(path: Path) -> None:
    times = list(cells(path))
    assert [cell for cell in times if cell.seconds > MOST_FOR_A_CELL] == []
    assert sum(cell.seconds for cell in times) <= MOST_FOR_A_NOTEBOOK
