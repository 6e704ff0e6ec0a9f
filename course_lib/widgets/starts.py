"""Where a run starts: menus of seeds, with the radius and the steps that were tuned for them, and of sketches."""

from typing import Any

import ipywidgets as widgets

from course_lib.datasets import sketches
from course_lib.datasets.strokes import layer
from course_lib.seeds import KINDS, Upsampled
from course_lib.testbeds.testbed import Testbed, task_of
from course_lib.widgets import controls
from course_lib.widgets.canvas import Canvas

ENLARGED = [("smoothly", False), ("by blocks", True)]
LOOKS = {"outline": ("line",), "coloured": ("fill", "line"), "with background": sketches.PARTS}


def seed_settings(testbed: Testbed, kind: str, *, at_most: int = 120) -> dict[str, Any]:
    """A kind of seeds with what was tuned for it, as values of these controls: a preset, but for its class."""
    tuned = testbed.tuned[task_of(kind)]
    return {"kind": kind, "epsilon": tuned["ball"].radius, "steps": min(tuned["steps"], at_most)}


def seed_controls(testbed: Testbed, kind: str, *, at_most: int = 120) -> dict[str, Any]:
    """Controls `kind`, `blocks`, `epsilon` and `steps` (at first `at_most`); for `testbed.seeds(kind, blocks=blocks)`.

    Radius and steps follow the kind, unless a person has moved them. Where no seeds are enlarged `blocks` is hidden.
    """
    first = seed_settings(testbed, kind, at_most=at_most)
    kinds, blocks = controls.menu("seeds", list(KINDS), kind), controls.menu("enlarged", ENLARGED, False)
    if not isinstance(testbed.seeds("multivariate"), Upsampled):
        blocks.layout.display = "none"
    sliders = {"epsilon": controls.epsilon(first["epsilon"]), "steps": controls.steps(first["steps"])}
    for other in KINDS:  # room for each
        for name, slider in sliders.items():
            slider.max = max(slider.max, seed_settings(testbed, other, at_most=at_most)[name])

    def follow(change: Any) -> None:
        before, now = (seed_settings(testbed, each, at_most=at_most) for each in (change.old, change.new))
        for name, slider in sliders.items():
            if slider.value == before[name]:
                slider.value = now[name]

    kinds.observe(follow, "value")
    return {"kind": kinds, "blocks": blocks, **sliders}


def shelf(canvas: Canvas, start: sketches.Sketch) -> Any:
    """Two menus that put a shipped sketch on a canvas, which and how much of it; `start` is put there at once."""
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
