"""Figures of measured numbers: with their intervals, or as a table of shares. Nothing is told by colour alone."""

import itertools
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from course_lib.plots import OTHERS, PLAIN, STYLES

MARKERS = "osD^vP"


def intervals(
    series: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    label: str,
    reference: float | None = None,
    size: tuple[float, float] | None = None,
) -> Figure:
    """[value, low, high] of each row (what they are measured on), for each named series: points with their intervals.

    Rows stand from top to bottom in the order in which they first come; a series may lack some. A thin line marks
    `reference`. Robust and standard keep their colour, and every series has a marker of its own.
    """
    rows = list(dict.fromkeys(row for values in series.values() for row in values))
    figure = Figure(figsize=size or (7, 0.9 + 0.16 * len(rows) * (1 + len(series))), layout="constrained")
    axis = figure.subplots()
    if reference is not None:
        axis.axvline(reference, color=PLAIN, linewidth=1)
    for number, (name, values) in enumerate(series.items()):
        heights = [rows.index(row) + 0.6 * ((number + 0.5) / len(series) - 0.5) for row in values]
        middle, reach = ends([*values.values()])
        axis.errorbar(middle, heights, xerr=reach, **look_of(name, number))
    axis.set_yticks(range(len(rows)), rows, fontsize=12)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.locator_params(axis="x", nbins=6)
    axis.set_xlabel(label, fontsize=12)
    axis.spines[["top", "right"]].set_visible(False)
    if len(series) > 1:
        figure.legend(loc="outside upper left", ncols=len(series), fontsize=12, frameon=False)
    return figure


def ends(values: Sequence[Sequence[float]]) -> tuple[Tensor, Tensor]:
    """[value, low, high] of many -> the values, and how far their intervals reach down and up."""
    middle, low, high = torch.tensor(values).T
    return middle, torch.stack([middle - low, high - middle]).clamp(min=0)


def look_of(name: str, number: int) -> dict[str, Any]:
    """Robust and standard always have the same colour, anything else the next one of the others."""
    other = OTHERS[number % len(OTHERS)]
    colour = next((colour for key, (colour, _) in STYLES.items() if name.startswith(key)), other[0])
    marker = MARKERS[number % len(MARKERS)]
    return {"label": name, "color": colour, "fmt": marker, "markersize": 8, "linewidth": 2, "capsize": 3}


def who_is_convinced(panels: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]], *, label: str) -> Figure:
    """[share, low, high] of each series by each judge; one panel for each group of judges, side by side.

    `panels` is by title of a panel, by judge, by series. In the first of several panels the judges are one scale, so
    lines join them.
    """
    widths = [len(group) for group in panels.values()]
    figure = Figure(figsize=(1.5 + 1.0 * sum(widths), 4.2), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False, width_ratios=widths)[0]
    for place, (axis, (title, group)) in enumerate(zip(axes, panels.items(), strict=True)):
        names = list(next(iter(group.values())))
        for number, name in enumerate(names):
            middle, reach = ends([by[name] for by in group.values()])
            look = look_of(name, number) | {"markerfacecolor": "white" if "best" in name else None}
            look |= {"linestyle": "-" if place == 0 < len(panels) - 1 else "none", "label": None if place else name}
            places = torch.arange(len(group)) + 0.12 * (number - (len(names) - 1) / 2)
            axis.errorbar(places, middle, yerr=reach, **look)
        axis.set_xticks(range(len(group)), [fill(judge, 12) for judge in group], fontsize=11)
        axis.set_title(title, fontsize=12)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylim(-0.03, 1.03)
    axes[0].set_ylabel(label, fontsize=12)
    figure.legend(loc="outside upper left", ncols=4, fontsize=12, frameon=False)
    return figure


def heat_map(
    tables: Mapping[str, Tensor],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    axes: tuple[str, str],
    marked: Tensor | None = None,
) -> Figure:
    """Tables of shares (rows, columns) side by side on one scale from 0 to 1, with the number in every cell.

    `axes` names what changes from row to row and from column to column. Cells where `marked` is true are hatched.
    """
    height, width = len(rows), len(columns)
    beside, cell = (0.1 * max(len(str(name)) for name in names) for names in (rows, columns))  # inches of text
    breadth = len(tables) * (max(0.75, cell + 0.1) * width + beside + 0.9)
    figure = Figure(figsize=(breadth, 0.55 * height + 1.2), layout="constrained")
    for axis, (name, table) in zip(figure.subplots(1, len(tables), squeeze=False)[0], tables.items(), strict=True):
        axis.imshow(table.numpy(), cmap="cividis", vmin=0, vmax=1, aspect="auto")
        for row, column in itertools.product(range(height), range(width)):
            share, hatched = table[row, column].item(), marked is not None and bool(marked[row, column])
            ink = "black" if share >= 0.5 else "white"
            if hatched:
                axis.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, hatch="///", color=ink, lw=0))
            box = {"facecolor": axis.images[0].cmap(share), "edgecolor": "none", "pad": 1.5} if hatched else None
            axis.text(column, row, f"{share:.0%}", ha="center", va="center", fontsize=12, color=ink, bbox=box)
        axis.set_title(name, fontsize=13)
        axis.set_yticks(range(height), rows, fontsize=11)
        axis.set_xticks(range(width), columns, fontsize=11)
        axis.set_ylabel(axes[0], fontsize=12)
        axis.set_xlabel(axes[1], fontsize=12)
    return figure
