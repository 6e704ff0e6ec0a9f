"""A person moves a slider while the kernel is busy, with a widget's messages on subshells and without."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.test_player import PLAYER
from tests.conftest import OpenNotebook
from tests.tools import lab
from tests.tools.demos import until
from tests.tools.parts import written

pytestmark = pytest.mark.browser
SLOW = """
said, threads = [], set()
player.controls["epsilon"].observe(lambda change: threads.add(threading.current_thread().name), "value")
player._screen.status.observe(lambda change: said.append(change.new), "value")
"""
IMPORTS = """
import pathlib, threading, time

def held_up():
    while pathlib.Path("held").exists():
        time.sleep(0.01)
"""
BUSY = "while not pathlib.Path('go').exists(): time.sleep(0.05)"
RADIUS = "print(player.values['epsilon'])"
COUNT = "player.wait(180); print(sum('Done' in text for text in said), *sorted(threads))"


@pytest.fixture
def open_without(browser: Browser, tmp_path: Path) -> Iterator[OpenNotebook]:
    with lab.served(browser, tmp_path, subshells=False) as open_notebook:
        yield open_notebook


@pytest.mark.parametrize(("server", "subshells"), [("open_notebook", True), ("open_without", False)])
def test_a_busy_kernel_and_twenty_rapid_changes_end_in_one_result(
    server: str, subshells: bool, request: pytest.FixtureRequest
) -> None:
    opener = request.getfixturevalue(server)
    go, held = (opener.root / name for name in ("go", "held"))
    go.unlink(missing_ok=True)
    slow = PLAYER.replace("import time", IMPORTS).replace("time.sleep(pause)", "held_up()")
    with opener.again(written(opener, "rapid.ipynb", slow + SLOW + "player", BUSY, RADIUS, COUNT)) as notebook:
        notebook.run_cell(0)
        notebook.wait_for_status("Ready")
        held.touch()  # no run ends before the last key
        notebook.start("run-cell", 1)
        notebook.press("ε (radius)", *["ArrowRight"] * 10)
        go.touch()
        notebook.wait_for_idle()
        notebook.press("ε (radius)", *["ArrowLeft"] * 4, *["ArrowRight"] * 6)
        until(lambda: notebook.run_cell(2) or notebook.text_of(2) == "10.0\n")
        held.unlink()
        notebook.wait_for_status("Done: 20 steps")
        notebook.run_cell(3)
        finished, *threads = notebook.text_of(3).split()
        assert finished == "1"
        assert any(name.startswith("subshell") for name in threads) is subshells
        assert notebook.complaints() == []
