"""Widgets as pictures, for pages that are only read: ``%load_ext course_lib.widgets.still``.

From then on, a widget that a cell displays leaves HTML that needs no kernel: what its controls say, its pictures,
numbers and charts. A demo that nobody has run is run for it, with the controls as they are, and put back to its
start. No browser hears of the widgets any more, so they are of no use to a hand; the site (`make site`) is made this
way.
"""

import html
from functools import singledispatch
from typing import Any

import comm
import ipywidgets as widgets

from course_lib.datasets.strokes import image_of
from course_lib.pixels import to_uint8
from course_lib.widgets import sheets
from course_lib.widgets.canvas import Canvas, address
from course_lib.widgets.demo import Demo
from course_lib.widgets.predict import Prediction
from course_lib.widgets.screen import STYLE, parts

NOTE = "A picture of a live demo: in JupyterLab its controls move."
PATIENCE = 600.0  # seconds for one run


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
    page = f'<div class="course-still"><style>{STYLE}</style>{still(widget)}<p class="note">{NOTE}</p></div>'
    for demo in started:
        demo.reset()
    return {"text/html": page, "text/plain": f"{type(widget).__name__}: {NOTE}"}


@singledispatch
def still(widget: Any) -> str:
    """The HTML of a widget as it stands now; "" for what is only there to be pressed."""
    return ""


@still.register
def _(box: widgets.Box) -> str:
    inside = "".join(still(child) for child in box.children if child.layout.display != "none")
    kind = "down" if isinstance(box, widgets.VBox) else "across"
    return f'<div class="{" ".join([kind, *box._dom_classes])}">{inside}</div>' if inside else ""


@still.register
def _(text: widgets.HTML) -> str:
    return f"<div>{text.value}</div>" if text.value else ""


@still.register
def _(image: widgets.Image) -> str:
    """What it shows is said by the text beside it."""
    return picture(address(image.value), image.width, "") if image.value else ""


@still.register(widgets.IntSlider)
@still.register(widgets.FloatSlider)
def _(slider: Any) -> str:
    return setting(slider, format(slider.value, slider.readout_format))


@still.register(widgets.SelectionSlider)
@still.register(widgets.Dropdown)
@still.register(widgets.ToggleButtons)
def _(menu: Any) -> str:
    return setting(menu, str(menu.label))


@still.register
def _(box: widgets.Checkbox) -> str:
    return setting(box, "yes" if box.value else "no")


@still.register
def _(canvas: Canvas) -> str:
    seen = image_of(canvas.value, canvas.size, canvas.picture)
    drawn = "with strokes on it" if canvas.value else "nothing drawn yet"
    source = address(sheets.encode(to_uint8(seen)[0], "png"))
    said = f"{canvas.description or 'canvas'}, {drawn}"
    return f'<div class="canvas">{picture(source, canvas.size * canvas.scale, said)}<p>{html.escape(said)}</p></div>'


@still.register
def _(asked: Prediction) -> str:
    options = [html.escape(option) + " ← the answer" * (n == asked.answer) for n, option in enumerate(asked.options)]
    return f"<p><b>{html.escape(asked.question)}</b></p><ul><li>{'</li><li>'.join(options)}</li></ul>"


def setting(control: Any, value: str) -> str:
    return f'<span class="setting">{html.escape(control.description)} <b>{html.escape(value)}</b></span>'


def picture(source: str, width: Any, alt: str) -> str:
    return f'<img class="widget-image" src="{source}" width="{width}" alt="{html.escape(alt, quote=True)}">'
