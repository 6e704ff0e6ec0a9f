"""Menus that put a shipped sketch on a canvas."""

from typing import Any

import ipywidgets as widgets

from course_lib.datasets import sketches
from course_lib.datasets.strokes import layer
from course_lib.widgets import controls
from course_lib.widgets.canvas import Canvas

LOOKS = {"outline": ("line",), "coloured": ("fill", "line"), "with background": sketches.PARTS}


def shelf(canvas: Canvas, start: sketches.Sketch) -> Any:
    """Two menus, which sketch and how much of it; `start` is put on the canvas at once."""
    which = controls.menu("sketch", [("blank paper", None), *((one.name, one) for one in sketches.load())], start)
    look = controls.menu("drawn as", list(LOOKS.items()), sketches.PARTS)

    def put(_: object = None) -> None:
        shapes = which.value.shapes(canvas.size, parts=look.value) if which.value else []
        canvas.value = layer(shapes, canvas.size)

    which.observe(put, "value")
    look.observe(put, "value")
    put()
    box = widgets.Box([which, look], layout=widgets.Layout(flex_flow="row wrap"))
    return box.add_class("course-shelf")
