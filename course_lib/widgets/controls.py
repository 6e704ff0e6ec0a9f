"""Sliders and menus of the demos, all with a visible label, a number beside the slider, and one value per release."""

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets


def slider(label: str, value: float, *, low: float, high: float, step: float, tooltip: str = "") -> Any:
    """A slider over numbers of the type of `step`, with its number as a text field that can be typed into."""
    whole = isinstance(step, int)
    made = (widgets.IntSlider if whole else widgets.FloatSlider)(min=low, max=high, step=step, value=value)
    made.description, made.tooltip, made.continuous_update = label, tooltip or label, False
    made.readout_format = "d" if whole else ".2f" if step < 0.1 else ".1f"
    return made


def growing(label: str, value: float, *, low: float, high: float, step: float, tooltip: str) -> Any:
    """A slider that reaches at least half as far again as its first value: settings grow with pictures and networks."""
    return slider(label, value, low=low, high=max(high, type(step)(1.5 * value)), step=step, tooltip=tooltip)


def epsilon(value: float, *, high: float = 30.0) -> Any:
    """The radius of the ball, in pixel units."""
    tooltip = "how far a picture may move, as an L2 length"
    return growing("ε (radius)", value, low=0.0, high=high, step=0.5, tooltip=tooltip)


def steps(value: int, *, high: int = 120) -> Any:
    """The number of PGD steps."""
    return growing("steps", value, low=1, high=high, step=1, tooltip="how many steps of projected gradient descent")


def step_size(value: float, *, high: float = 3.0) -> Any:
    """The length of one PGD step, in pixel units."""
    return growing("step size", value, low=0.05, high=high, step=0.05, tooltip="the L2 length of one step")


def menu(label: str, options: Sequence[Any], value: Any) -> Any:
    """A menu of words, or of (word, value) pairs."""
    return widgets.Dropdown(options=options, value=value, description=label)
