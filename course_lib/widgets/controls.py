"""Sliders and menus of the demos, all with a visible label, a number beside the slider, and one value per release.

Settings grow with pictures and networks: a slider of the primitive reaches at least half as far again as its first
value.
"""

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets


def slider(label: str, value: float, *, low: float, high: float, step: float, tooltip: str = "") -> Any:
    """A slider over numbers of the type of `step`, with its number as a text field that can be typed into."""
    kind = widgets.IntSlider if isinstance(step, int) else widgets.FloatSlider
    options = {} if isinstance(step, int) else {"readout_format": ".2f" if step < 0.1 else ".1f"}
    return kind(
        value=value,
        min=low,
        max=high,
        step=step,
        description=label,
        tooltip=tooltip or label,
        continuous_update=False,
        **options,
    )


def epsilon(value: float, *, high: float = 30.0) -> Any:
    """The radius of the ball, in pixel units."""
    return slider(
        "ε (radius)",
        value,
        low=0.0,
        high=max(high, 1.5 * value),
        step=0.5,
        tooltip="how far a picture may move, as an L2 length",
    )


def steps(value: int, *, high: int = 120) -> Any:
    """The number of PGD steps."""
    return slider(
        "steps",
        value,
        low=1,
        high=max(high, value * 3 // 2),
        step=1,
        tooltip="how many steps of projected gradient descent",
    )


def step_size(value: float, *, high: float = 3.0) -> Any:
    """The length of one PGD step, in pixel units."""
    return slider(
        "step size", value, low=0.05, high=max(high, 1.5 * value), step=0.05, tooltip="the L2 length of one step"
    )


def menu(label: str, options: Sequence[Any], value: Any) -> Any:
    """A menu of words, or of (word, value) pairs."""
    return widgets.Dropdown(options=options, value=value, description=label)
