"""From a key on a slider of the first demo (128 pixels, JupyterLab in Chromium) to its pictures: where the time goes.

The library is not changed for it: a cell of the notebook wraps its functions, and the page watches its pictures. Both
read the clock of one machine.
"""

import json
import statistics
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Browser

from tests.tools import lab, programs

REST = 1500  # milliseconds between two presses, in which nothing is sent
SLIDER = "ε (radius)"
WRAPPED = """
import time
from course_lib.widgets import screen
from course_lib.widgets.player import Player
from course_lib.widgets.runs import Script

noted = []

def wrap(owner, name):
    function = getattr(owner, name)
    def wrapped(*given, **options):
        begin = time.time()
        try:
            return function(*given, **options)
        finally:
            noted.append((name, begin, time.time()))
    setattr(owner, name, wrapped)

for owner, name in ((Player, "_changed"), (Player, "_show"), (Script, "keep"), (screen, "encode")):
    wrap(owner, name)
"""
WATCH = """() => {
    const now = () => (performance.timeOrigin + performance.now()) / 1000;
    window.pressed = []; window.painted = []; window.received = [];
    document.addEventListener('keydown', () => window.pressed.push(now()), true);
    document.querySelectorAll('.course-player img.widget-image').forEach((image, place) => {
        new MutationObserver(() => window.received.push([place, now()])).observe(image, { attributeFilter: ['src'] });
        image.addEventListener('load', () => requestAnimationFrame(() => setTimeout(
            () => window.painted.push([place, now()]))));
    }) }"""


class Seen(NamedTuple):
    """What the kernel and the page have noted, in seconds."""

    kernel: list[tuple[str, float, float]]  # function, begin, end
    keys: list[float]
    received: list[tuple[int, float]]  # which picture, when
    painted: list[tuple[int, float]]

    def first(self, what: str, since: float) -> float:
        """When every picture has been received, or painted, for the first time since then."""
        return max({place: when for place, when in reversed(getattr(self, what)) if when >= since}.values())

    def between(self, begin: float, end: float) -> "Seen":
        return Seen(
            [one for one in self.kernel if begin <= one[1] < end],
            [begin],
            *([one for one in what if begin <= one[1] < end] for what in (self.received, self.painted)),
        )

    def calls(self, name: str, begin: float = 0.0, end: float = float("inf")) -> list[tuple[float, float]]:
        return [one[1:] for one in self.kernel if one[0] == name and begin <= one[1] and one[2] <= end]


def latency(*, presses: int = 15) -> dict[str, Any]:
    """Medians in milliseconds: the parts of the way to the first picture, then to the first one that is a step on."""
    if (path := programs.chromium()) is None:
        return {"setting": programs.NO_CHROMIUM}
    with tempfile.TemporaryDirectory() as folder, lab.chromium(path) as browser:
        seen = played(browser, Path(folder), presses)
    runs = [seen.between(*window) for window in zip(seen.keys, [*seen.keys[1:], float("inf")], strict=True)]
    ways = [way(run) for run in runs]
    return {
        "setting": f"the first demo of notebook 00 at 128 px, medians of {presses} presses",
        **{part: statistics.median(one[part] for one in ways) for part in ways[0]},
    }


def played(browser: Browser, root: Path, presses: int) -> Seen:
    """Press a key on the slider so many times, each after the last run has ended."""
    lecture = nbformat.read(lab.LECTURES / "00_start_here.ipynb", as_version=4)
    setup, demo = (next(cell.source for cell in lecture.cells if cell.id == name) for name in ("cell-01", "photos-1"))
    fast, told = "import os\nos.environ['COURSE_FAST'] = '1'", "import json\nprint(json.dumps(noted))"
    cells = [new_code_cell(source) for source in (fast, setup, WRAPPED, demo, told)]
    nbformat.write(new_notebook(cells=cells, metadata=lecture.metadata), root / "demo.ipynb")
    with lab.jupyterlab(root) as url, lab.OpenNotebook(browser, url, root)("demo.ipynb") as notebook:
        for index in range(4):
            notebook.run_cell(index)
        notebook.wait_for_status("Ready")
        notebook.page.evaluate(WATCH)
        for _ in range(presses):
            notebook.page.wait_for_timeout(REST)
            count = notebook.page.evaluate("window.painted.length")
            notebook.press(SLIDER, "ArrowRight")
            notebook.page.wait_for_function("count => window.painted.length > count", arg=count)
            notebook.wait_for_status("Done")
        notebook.page.wait_for_timeout(REST)
        notebook.run_cell(4)
        page = notebook.page
        noted = [page.evaluate(name) for name in ("pressed", "received", "painted")]
        return Seen(json.loads(notebook.text_of(4)), *noted)


def way(run: Seen) -> dict[str, float]:
    """The parts of one run, in milliseconds, and how many pictures were made and painted."""
    (key,), (arrived, _) = run.keys, run.calls("_changed")[0]
    (begin, end), (later, _), *_ = shows = run.calls("_show")
    encoded = run.calls("encode", begin, end)
    sent, coded = encoded[-1][1], sum(b - a for a, b in encoded)
    received, painted = run.first("received", begin), run.first("painted", begin)
    parts = {
        "message": arrived - key,
        "start": begin - arrived,
        "encode": coded,
        "draw": sent - begin - coded,
        "message back": received - sent,
        "paint": painted - received,
        "to the first picture": painted - key,
        "rest of the drawing": end - sent,
        "step and pause": later - end,
        "to the first step": run.first("painted", later) - key,
    }
    counts = {
        "drawings": len(shows),
        "pictures encoded": len(run.calls("encode")),
        "pictures received": len(run.received),
        "pictures painted": len(run.painted),
        "moments kept": len(run.calls("keep")),
    }
    return {name: round(1000 * seconds, 1) for name, seconds in parts.items()} | counts


if __name__ == "__main__":
    print(json.dumps(latency(), indent=2))
