"""Widgets for pages that are only read: ``%load_ext course_lib.widgets.still``.

From then on, a widget that a cell displays leaves HTML that needs no kernel: what its controls say, and a demo's run as
strips of frames, which `.site/film.js` plays; without scripts their last frames stand. A demo that nobody has run is
run for it, with the controls as they are, and put back to its start. The site (`make site`) is made this way.
"""

import base64
import html
from bisect import bisect_right
from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import comm
import ipywidgets as widgets
import numpy as np

from course_lib.datasets.strokes import image_of, mask_of
from course_lib.pixels import to_uint8
from course_lib.widgets import sheets
from course_lib.widgets.canvas import Canvas
from course_lib.widgets.demo import Demo
from course_lib.widgets.predict import Prediction
from course_lib.widgets.runs import Kept
from course_lib.widgets.screen import FINE, Screen, caption, heading, parts, spoken

NOTE = "A recorded run: in JupyterLab its controls move."
PATIENCE = 600.0  # seconds for one run
FRAMES = 12  # of a run, its start and its end among them


def load_ipython_extension(shell: Any) -> None:
    """What ``%load_ext`` calls."""
    comm.create_comm = comm.DummyComm
    formatter = shell.display_formatter.mimebundle_formatter
    formatter.for_type(widgets.Widget, bundle)
    formatter.for_type(Demo, lambda demo: bundle(demo.widget))


def bundle(widget: Any) -> dict[str, str]:
    """What a cell leaves behind when it displays this widget. Raises what ended a demo's run."""
    demos = [part.demo for part in parts(widget) if hasattr(part, "demo")]
    started = [demo for demo in demos if not demo.has_run]
    for demo in started:
        demo.run()
        demo.wait(PATIENCE)
    page = f'<div class="course-still">{still(widget)}</div>'
    for demo in started:
        demo.reset()
    return {"text/html": page, "text/plain": f"{type(widget).__name__}: {NOTE}"}


@singledispatch
def still(widget: Any) -> str:
    """The HTML of a widget as it stands now; "" for what is only there to be pressed."""
    return ""


@still.register
def _(box: widgets.Box) -> str:
    if hasattr(box, "demo"):
        return film(box.demo)
    return "".join(still(child) for child in box.children if child.layout.display != "none")


@still.register
def _(text: widgets.HTML) -> str:
    return str(text.value)


@still.register
def _(image: widgets.Image) -> str:
    """What it shows is said by the text beside it."""
    return picture(image.value, image.format, "") if image.value else ""


@still.register
def _(
    control: widgets.IntSlider | widgets.FloatSlider | widgets.SelectionSlider | widgets.Dropdown | widgets.Checkbox,
) -> str:
    value = getattr(control, "label", None) or format(control.value, getattr(control, "readout_format", ""))
    return f'<span class="setting">{html.escape(control.description)} <b>{html.escape(value)}</b></span>'


@still.register
def _(canvas: Canvas) -> str:
    """What is drawn; a mask is hatched, as in the browser."""
    seen = to_uint8(image_of(canvas.value, canvas.size, canvas.picture))[0]
    if canvas.paints == "mask":
        rows, columns = np.indices(seen.shape[:2])
        stripes = np.where((rows + columns)[..., None] // 2 % 2, 255, (60, 110, 160))
        seen = np.where(mask_of(canvas.value, canvas.size)[0, 0, ..., None] > 0, stripes, seen).astype(np.uint8)
    said = f"{canvas.description or 'canvas'}, {'with strokes on it' if canvas.value else 'nothing drawn yet'}"
    shown = picture(sheets.encode(seen, "png"), "png", said)
    return f'<figure class="canvas">{shown}<figcaption>{html.escape(said)}</figcaption></figure>'


@still.register
def _(asked: Prediction) -> str:
    options = [html.escape(option) + " ← the answer" * (n == asked.answer) for n, option in enumerate(asked.options)]
    return f"<p><b>{html.escape(asked.question)}</b></p><ul><li>{'</li><li>'.join(options)}</li></ul>"


def film(demo: Demo) -> str:
    """A demo's run, frame by frame: what its controls and its status say, its pictures side by side, its charts."""
    screen, shown = demo._screen, demo._shown
    assert shown is not None
    every = sorted({step for run in shown.runs.values() for step in run.steps if step <= shown.step})
    steps = [every[round(place)] for place in np.linspace(0, len(every) - 1, min(FRAMES, len(every)))]
    settings = [*map(still, demo.controls.values()), screen.status.value]
    stands = (stand(screen, number, run, steps) for number, run in enumerate(shown.runs.items()))
    areas = {"settings": settings, "stands": stands, "charts": (chart.value for chart in screen.charts.values())}
    inside = "".join(f'<div class="{name}">{"".join(those)}</div>' for name, those in areas.items())
    return f'<div class="course-film course-player" data-steps="{steps}">{inside}<p class="note">{NOTE}</p></div>'


def stand(screen: Screen, number: int, named: tuple[str, Kept], steps: Sequence[int]) -> str:
    """The frames of one run, one below the other in a picture of which one is seen, and what is said of each."""
    name, run = named
    places = [max(bisect_right(run.steps, step) - 1, 0) for step in steps]
    frames = [sheets.sheet(run.pictures[place], screen.columns) for place in places]
    height, width, _ = frames[0].shape
    rows = [screen.said(run, place) for place in places]
    columns = min(screen.columns, len(run.pictures[0]))
    look = f"--frames: {len(frames)}; --columns: {columns}; --shape: {width / height:.3f}"
    strip = (
        picture(sheets.encode(np.concatenate(frames), "webp"), "webp", spoken(name, run.steps[places[-1]], rows[-1]))
        + screen.labels[name].value
    )
    said = "</div><div hidden>".join(caption(row) for row in reversed(rows))
    return (
        f'<figure>{heading(number, name)}<div class="strip{" smooth" * (width >= FINE)}" style="{look}">{strip}</div>'
        f"<figcaption><div>{said}</div></figcaption></figure>"
    )


def picture(data: bytes, kind: str, alt: str) -> str:
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return f'<img src="{source}" alt="{html.escape(alt, quote=True)}">'
