"""A person moves a slider while the kernel is busy, with a widget's messages on subshells and without."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.test_player import PLAYER
from tests.conftest import OpenNotebook
from tests.tools import lab
from tests.tools.parts import written

pytestmark = pytest.mark.browser
SLOW = """
said = []
threads = set()
player.controls["epsilon"].observe(lambda change: threads.add(threading.current_thread().name), "value")
player._screen.status.observe(lambda change: said.append(change.new), "value")
"""
BUSY = "time.sleep(4); print('slept')"
COUNT = "player.wait(60); print(sum('Done' in text for text in said), player.values['epsilon'], *sorted(threads))"


@pytest.fixture
def open_without(browser: Browser, tmp_path: Path) -> Iterator[OpenNotebook]:
    with lab.served(browser, tmp_path, subshells=False) as open_notebook:
        yield open_notebook


@pytest.mark.parametrize(("server", "subshells"), [("open_notebook", True), ("open_without", False)])
def test_a_busy_kernel_and_twenty_rapid_changes_end_in_one_result(
    server: str, subshells: bool, request: pytest.FixtureRequest
) -> None:
    opener = request.getfixturevalue(server)
    slow = PLAYER.replace('"pause", 0.0', '"pause", 0.05').replace("import time", "import threading, time")
    with opener(written(opener, "rapid.ipynb", slow + SLOW + "player", BUSY, COUNT)) as notebook:
        notebook.run_cell(0)
        notebook.wait_for_status("Ready")
        notebook.start("run-cell", 1)
        notebook.press("ε (radius)", *["ArrowRight"] * 10)
        notebook.wait_for_idle()
        notebook.press("ε (radius)", *["ArrowLeft"] * 4, *["ArrowRight"] * 6)
        notebook.page.wait_for_function("!document.querySelector('.jp-InputPrompt')?.textContent.includes('*')")
        notebook.wait_for_status("Done: 20 steps")
        notebook.run_cell(2)
        finished, radius, *threads = notebook.text_of(2).split()
        assert (finished, radius) == ("1", "10.0")
        assert any(name.startswith("subshell") for name in threads) is subshells
        assert notebook.complaints() == []
