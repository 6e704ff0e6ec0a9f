"""Figures for the notebooks. Functions return a matplotlib Figure and show nothing; `described` adds alt text.

Built with `Figure` objects instead of pyplot, which keeps global state and is not safe beside a running player.
"""

import base64
import html
import io
import itertools
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
from IPython.display import HTML
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.pixels import to_uint8

ROBUST, STANDARD, PLAIN = "#0072B2", "#D55E00", "#555555"  # told apart with any colour vision
STYLES = {"robust": (ROBUST, "-"), "standard": (STANDARD, "--")}
OTHERS = [(PLAIN, ":"), ("#117733", "-."), ("#AA3377", (0, (7, 2))), ("#000000", "-")]  # of what is neither, in turn
FLOOR = 1e-4  # of logarithmic axes
APART = 15  # points between two labels at the end of lines


def grid(
    rows: Mapping[str, Tensor],
    *,
    titles: Sequence[str] | None = None,
    below: Mapping[str, Sequence[str]] | None = None,
    size: float = 1.2,
) -> Figure:
    """Rows of pictures (N, 3, H, W) in [0, 1], each with its name on the left.

    `titles` stand above the first row that is complete, in as many lines as they need; `below` puts a short text under
    each picture of a row. Where the figure has fewer pixels than a picture, each shows a mean of several.
    """
    columns = max(len(images) for images in rows.values())
    heads = [
        "\n".join(fill(line, round(10 * size), break_long_words=False) for line in title.split("\n"))
        for title in titles or []
    ]
    lines = [max(text.count("\n") + 1 for text in texts) for texts in [heads or [""], *(below or {}).values()]]
    figure = Figure(figsize=(columns * size + 1.3, len(rows) * size + 0.22 * sum(lines) + 0.2), layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for row, (name, images) in zip(axes, rows.items(), strict=True):
        for axis in row:
            axis.set_axis_off()
        for column, (axis, picture) in enumerate(zip(row, to_uint8(images), strict=False)):
            axis.imshow(picture, interpolation="antialiased")
            if below and name in below:
                axis.text(0.5, -0.04, below[name][column], transform=axis.transAxes, ha="center", va="top", fontsize=10)
        row[0].text(-0.12, 0.5, name, transform=row[0].transAxes, ha="right", va="center", fontsize=13)
    full = next(row for row, images in zip(axes, rows.values(), strict=True) if len(images) == columns)
    for axis, head in zip(full, heads, strict=False):
        axis.set_title(head, fontsize=12)
    return figure


def gradient_pictures(gradients: Tensor) -> Tensor:
    """Gradients (B, 3, H, W) as pictures: grey is 0, and each image's largest values reach black and white."""
    scale = gradients.abs().flatten(1).quantile(0.995, dim=1).clamp(min=1e-12).view(-1, 1, 1, 1)
    return (0.5 + 0.5 * gradients / scale).clamp(0, 1)


def curves(
    series: Mapping[str, Sequence[float]],
    *,
    label: str,
    horizontal: str = "step",
    size: tuple[float, float] = (6, 3.2),
    logarithmic: bool = False,
) -> Figure:
    """One line for each name, labelled at its end; robust and standard keep their colour and line style everywhere.

    On a logarithmic axis, values below `FLOOR` are drawn there.
    """
    figure = Figure(figsize=size, layout="constrained")
    axis = figure.subplots()
    axis.set_yscale("log" if logarithmic else "linear")
    others = itertools.cycle(OTHERS)
    for name, values in series.items():
        colour, style = next((look for key, look in STYLES.items() if name.startswith(key)), None) or next(others)
        shown = [max(value, FLOOR) for value in values] if logarithmic else list(values)
        axis.plot(shown, color=colour, linestyle=style, linewidth=2.5, label=name)
    axis.set_xlabel(horizontal, fontsize=12)
    axis.set_ylabel(label, fontsize=12)
    axis.spines[["top", "right"]].set_visible(False)
    axis.margins(x=0.02)
    name_ends(axis, height=72 * 0.75 * size[1])
    return figure


def name_ends(axis: Axes, *, height: float) -> None:
    """Write each line's name at its end, apart from each other on an axis that is about `height` points high."""
    axis.autoscale_view()
    ends = np.array([np.asarray(line.get_xydata())[-1] for line in axis.lines])
    low, high = axis.transScale.transform([(0, limit) for limit in axis.get_ylim()])[:, 1]
    wanted = (axis.transScale.transform(ends)[:, 1] - low) / (high - low) * height  # in points
    placed, free = wanted.copy(), dict.fromkeys(ends[:, 0], -height)
    for place in wanted.argsort(kind="stable"):
        placed[place] = max(wanted[place], free[ends[place, 0]])
        free[ends[place, 0]] = placed[place] + APART
    for line, (x, y), up in zip(axis.lines, ends, placed - wanted, strict=True):
        look: dict[str, Any] = {"color": line.get_color(), "fontsize": 12, "va": "center"}
        axis.annotate(str(line.get_label()), (x, y), xytext=(6, up), textcoords="offset points", **look)


def described(figure: Figure, alt: str, *, dpi: int = 110) -> HTML:
    """The figure, as large as all that is written in it, as an image with alternative text: for the end of a cell."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, bbox_inches="tight")
    data = base64.b64encode(buffer.getvalue()).decode()
    return HTML(f'<img alt="{html.escape(alt, quote=True)}" style="max-width:100%" src="data:image/png;base64,{data}">')
