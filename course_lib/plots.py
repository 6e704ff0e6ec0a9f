"""Figures for the notebooks. Every function returns a matplotlib Figure and shows nothing; `described` adds alt text.

Built with `Figure` objects instead of pyplot, which keeps global state and is not safe beside a running player.
"""

import base64
import html
import io
from collections.abc import Mapping, Sequence

import torch
from IPython.display import HTML
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.pgd import Frame
from course_lib.pixels import to_uint8

ROBUST, STANDARD, PLAIN = "#0072B2", "#D55E00", "#555555"  # told apart with any colour vision
STYLES = {"robust": (ROBUST, "-"), "standard": (STANDARD, "--")}


def grid(
    rows: Mapping[str, Tensor],
    *,
    titles: Sequence[str] | None = None,
    below: Mapping[str, Sequence[str]] | None = None,
    size: float = 1.2,
) -> Figure:
    """Rows of pictures (N, 3, H, W) in [0, 1], each with its name on the left.

    `titles` stand above the first row that is complete; `below` puts a short text under each picture of a row.
    """
    columns = max(len(images) for images in rows.values())
    room = 0.22 if below else 0.0
    figure = Figure(figsize=(columns * size + 1.3, len(rows) * (size + room) + 0.4), layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for row, (name, images) in zip(axes, rows.items(), strict=True):
        for axis in row:
            axis.set_axis_off()
        for column, (axis, picture) in enumerate(zip(row, to_uint8(images), strict=False)):
            axis.imshow(picture, interpolation="nearest")
            if below and name in below:
                axis.text(0.5, -0.04, below[name][column], transform=axis.transAxes, ha="center", va="top", fontsize=10)
        row[0].text(-0.12, 0.5, name, transform=row[0].transAxes, ha="right", va="center", fontsize=13)
    full = next(row for row, images in zip(axes, rows.values(), strict=True) if len(images) == columns)
    for axis, title in zip(full, titles or [], strict=False):
        axis.set_title(title, fontsize=12)
    return figure


def gradient_pictures(gradients: Tensor) -> Tensor:
    """Gradients (B, 3, H, W) as pictures: grey is 0, and each image's largest values reach black and white."""
    scale = gradients.abs().flatten(1).quantile(0.995, dim=1).clamp(min=1e-12).view(-1, 1, 1, 1)
    return (0.5 + 0.5 * gradients / scale).clamp(0, 1)


def curves(
    series: Mapping[str, Sequence[float]], *, label: str, horizontal: str = "step", size: tuple[float, float] = (6, 3.2)
) -> Figure:
    """One line for each name, labelled at its end; robust and standard keep their colour and line style everywhere."""
    figure = Figure(figsize=size, layout="constrained")
    axis = figure.subplots()
    for name, values in series.items():
        colour, style = next((look for key, look in STYLES.items() if name.startswith(key)), (PLAIN, ":"))
        axis.plot(values, color=colour, linestyle=style, linewidth=2.5)
        axis.annotate(
            name,
            (len(values) - 1, values[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            color=colour,
            fontsize=12,
            va="center",
        )
    axis.set_xlabel(horizontal, fontsize=12)
    axis.set_ylabel(label, fontsize=12)
    axis.spines[["top", "right"]].set_visible(False)
    axis.margins(x=0.02)
    return figure


def losses(runs: Mapping[str, Sequence[Frame]]) -> Figure:
    """Mean loss against the step for each named run."""
    return curves(
        {name: [frame.losses.mean().item() for frame in run] for name, run in runs.items()}, label="mean loss"
    )


def described(figure: Figure, alt: str, *, dpi: int = 110) -> HTML:
    """The figure as an image with alternative text, for the end of a notebook cell."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    data = base64.b64encode(buffer.getvalue()).decode()
    return HTML(f'<img alt="{html.escape(alt, quote=True)}" style="max-width:100%" src="data:image/png;base64,{data}">')


def low_frequency_share(gradients: Tensor, *, cut: float = 0.125) -> float:
    """The share of a gradient's energy below `cut` cycles per pixel: how much of it is shape, not fine texture."""
    spectrum = torch.fft.fft2(gradients).abs().square().sum((0, 1))
    rows, columns = (torch.fft.fftfreq(size, device=gradients.device).abs() for size in gradients.shape[-2:])
    low = (rows[:, None] <= cut) & (columns[None, :] <= cut)
    return (spectrum[low].sum() / spectrum.sum()).item()
