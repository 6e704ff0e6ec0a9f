"""The face of a demo: its widgets, how they are laid out, and how a moment of the runs is drawn on them."""

import html
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
from torch import Tensor

from course_lib.widgets.buttons import Page
from course_lib.widgets.canvas import Canvas
from course_lib.widgets.charts import Chart
from course_lib.widgets.runs import Kept, Measure, Update
from course_lib.widgets.sheets import encode, sheet

STYLE = (Path(__file__).parent / "style.css").read_text()
NOTHING = encode(np.full((1, 1, 3), 128, np.uint8), "png")
FINE = 200  # pixels: a sheet at least so wide is enlarged smoothly, a smaller one pixel by pixel
MANY = 7  # controls: more of them stand in two columns
BUTTONS = (
    ("Run", "play", "Compute once more"),
    ("Stop", "stop", "End the run after this step"),
    ("Reset", "undo", "Back to the first settings and the start"),
)
LINE = 26  # pixels of the screen: a line of text under a sheet
DIVIDER = """<style>.course-player .pictures:has([class="divider"][value="{at}"]) {{ --divide: {at}% }}</style>
<input type="range" class="divider" max="100" step="0.5" value="{at}" aria-label="line between the two pictures: {name}"
onkeydown="event.stopPropagation()" oninput="const sheets = this.closest('.pictures');
sheets.style.setProperty('--divide', this.value + '%');
sheets.querySelectorAll('.divider').forEach((other) => {{ other.value = this.value; }})">"""


class Screen:
    """Controls, buttons, progress, status; a sheet of pictures for each name; a step slider; a chart for each measure.

    One grid holds them (style.css): controls at the left, the sheets side by side, as large as the screen has room.
    Pictures are sent in their own size and enlarged by the browser. ``parts`` name the first pictures of a sheet;
    ``captioned`` keeps two lines free for captions, so that nothing moves when one comes. With a ``divider``, the
    percentage where it first stands, the second picture of a sheet lies on the first, and a line to slide, by mouse,
    finger or arrow keys, lies between them.
    """

    def __init__(
        self,
        names: Sequence[str],
        controls: Mapping[str, Any],
        measures: Sequence[Measure],
        *,
        columns: int,
        parts: Sequence[str] = (),
        presets: Sequence[str] = (),
        captioned: bool = False,
        divider: int | None = None,
    ) -> None:
        self.measures, self.columns, self.parts, self.divider = measures, columns, parts, divider
        self.room = LINE * (len(measures) + 2 * captioned) * -(-len(names) // 3)  # for what is said under the sheets
        self.run_button, self.stop_button, self.reset_button = (
            widgets.Button(description=name, icon=icon, tooltip=tooltip) for name, icon, tooltip in BUTTONS
        )
        self.run_button.button_style = "primary"
        played = {name: widgets.Button(description=name, tooltip=f"Play: {name}") for name in presets}
        self.presets = {name: button.add_class("preset") for name, button in played.items()}
        self.progress = widgets.FloatProgress(max=1)
        self.status = widgets.HTML()
        self.images = {name: widgets.Image(value=NOTHING) for name in names}
        self.under = {name: widgets.Image(value=NOTHING) for name in names} if divider is not None else {}
        self.labels = {name: widgets.HTML().add_class("parts") for name in names}
        self.captions = {name: widgets.HTML() for name in names}
        self.charts = {measure.label: widgets.HTML() for measure in measures}
        self.scrubber = widgets.IntSlider(description="step", max=1, disabled=True, tooltip="Look at the kept steps")
        self.page = Page()
        self.widget = self.arrange([dress(name, control) for name, control in controls.items()], captioned)
        self.say("")

    def arrange(self, controls: Sequence[Any], captioned: bool) -> widgets.VBox:
        canvases = [control for control in controls if isinstance(control, Canvas)]
        self.sheets = {name: self.stacked(name, image) for name, image in self.images.items()}
        stands = [
            box([widgets.HTML(heading(number, name)), sheet, self.captions[name]], "stand", *["captioned"] * captioned)
            for number, (name, sheet) in enumerate(self.sheets.items())
        ]
        self.bar = box([self.run_button, self.stop_button, self.reset_button, self.page], "bar")
        side = [box([control for control in controls if control not in canvases], "controls"), self.bar]
        side += [box([*self.presets.values()], "presets")] * bool(self.presets)
        stage = [box(stands, "pictures", f"of{min(len(stands), 4)}"), self.scrubber]
        areas = [
            box([*side, self.progress, self.status], "side"),
            *([box(canvases, "drawing")] if canvases else []),
            box(stage, "stage"),
            box([*self.charts.values()], "charts"),
        ]
        style = widgets.HTML(f"<style>{STYLE}</style>", layout=widgets.Layout(display="none"))
        looks = {"with-canvas": bool(canvases), "crowded": not canvases and len(controls) > MANY}
        grid = box(areas, "room", *(name for name, fits in looks.items() if fits))
        return widgets.VBox([style, grid]).add_class("course-player")

    def stacked(self, name: str, image: widgets.Image) -> widgets.Box:
        """The layers of a sheet, the lowest first."""
        if name not in self.under:
            return box([image, self.labels[name]], "sheet")
        line = DIVIDER.format(name=html.escape(name, quote=True), at=self.divider)
        return box(
            [self.under[name], image, self.labels[name], widgets.HTML(line).add_class("line")], "sheet", "divided"
        )

    def show(self, update: Update, step: int, *, final: bool) -> None:
        """Draw the newest kept pictures up to `step`: exact where they are `final`, light where more will come."""
        self.scrubber.max, self.scrubber.value = max(update.steps, 1), step
        alts = []
        for name, run in update.runs.items():
            position = max(bisect_right(run.steps, step) - 1, 0)
            self.draw(name, run.pictures[position], "png" if final else "jpeg")
            rows = self.said(run, position)
            self.captions[name].value = caption(rows)
            if name in self.under:
                alts.append(f"{name}, left of the line: {self.parts[0]}")
            alts.append(spoken(name, run.steps[position], rows))
        self.page.alts = alts
        for measure in self.measures:
            lines = {
                name: [*zip(run.steps, run.line(measure.label), strict=False)]
                for name, run in update.runs.items()
                if measure.label in run.measures
            }
            self.charts[measure.label].value = Chart(
                measure.label, lines, steps=update.steps, marked=step, write=measure.write, limits=measure.limits
            ).svg()

    def draw(self, name: str, pictures: np.ndarray, kind: str) -> None:
        layers = [(self.images[name], pictures, kind)]
        if name in self.under:
            layers = [(self.under[name], pictures[:1], "png"), (self.images[name], pictures[1:2], kind)]
        for image, some, form in layers:
            picture = sheet(some, self.columns)
            height, width = picture.shape[:2]
            with image.hold_sync():  # one message, and none where nothing has changed
                image.width, image.height = str(width), str(height)
                image.format, image.value = form, encode(picture, form)
            if width >= FINE:
                image.add_class("smooth")
        self.sheets[name].layout.width = f"min(100%, (var(--tall) - {self.room}px) * {width / height:.3f})"
        if self.parts:
            cells = [f"<span>{html.escape(part)}</span>" for part in self.parts] + ["<i></i>"] * len(pictures)
            columns = min(self.columns, len(pictures))
            grid = f'style="grid-template-columns: repeat({columns}, 1fr)"'
            self.labels[name].value = f"<div {grid}>{''.join(cells[: len(pictures)])}</div>"

    def said(self, run: Kept, position: int) -> list[tuple[str, str]]:
        """What is said of a sheet: each measure's mean, and the caption; an ellipsis where they are not known yet."""
        known = position < len(run.captions)
        rows = [said_of(m, run.measures[m.label][position] if known else None) for m in self.measures]
        return [*rows, (run.captions[position] if known else "", "")]

    def busy(self, share: float, text: str) -> None:
        self.progress.value, self.stop_button.disabled, self.scrubber.disabled = share, False, True
        self.say(text)

    def settled(self, step: int, text: str, *, wrong: bool) -> None:
        """Nothing runs; the steps up to `step` can be looked at."""
        self.progress.value, self.scrubber.disabled = step / self.scrubber.max, step == 0
        self.stop_button.disabled = True
        self.say(text, wrong=wrong)

    def say(self, text: str, *, wrong: bool = False) -> None:
        """The status line."""
        kind = "status wrong" if wrong else "status"
        self.status.value = f'<span role="status" class="{kind}">{html.escape(text)}</span>'


def said_of(measure: Measure, numbers: Tensor | None) -> tuple[str, str]:
    """A measure's name, with the count of its numbers, and their mean."""
    mean = "…" if numbers is None else measure.write(numbers.mean().item())
    count = f", mean of {numbers.numel()}" if numbers is not None and numbers.numel() > 1 else ""
    return measure.label + count, mean


def caption(rows: Sequence[tuple[str, str]]) -> str:
    """What is said of a sheet, as HTML: rows of words and numbers, then a line."""
    lines = [f"<span>{html.escape(words)}</span><b>{html.escape(number)}</b>" for words, number in rows[:-1]]
    last = html.escape(rows[-1][0]).replace("\n", "<br>")
    return f'<div class="said">{"".join(lines)}<p>{last}</p></div>'


def spoken(name: str, step: int, rows: Sequence[tuple[str, str]]) -> str:
    """The text of a sheet, for those who do not see it: whose it is, when, and what is said of it."""
    return "; ".join([f"{name}, step {step}", *filter(None, map(" ".join, rows))])


def heading(number: int, name: str) -> str:
    """The name with a piece of its line in the charts."""
    key = f'<svg width="44" height="8" aria-hidden="true"><path class="line line{number}" d="M3 4H41"/></svg>'
    return f'<div class="model">{html.escape(name)}{key}</div>'


def dress(name: str, control: Any) -> Any:
    """Give a control what it lacks: a visible label, a tooltip, and one message for each finished movement."""
    control.description = control.description or name.replace("_", " ")
    if control.has_trait("continuous_update"):
        control.continuous_update = False
    if not control.tooltip and control.has_trait("max"):
        control.tooltip = f"{control.description}: {control.min:g} to {control.max:g}; arrow keys, Home and End move it"
    return control


def box(children: Sequence[Any], *names: str) -> widgets.Box:
    """Widgets in a place of the grid; the style sheet lays them out by these names."""
    made = widgets.Box(children)
    for name in names:
        made.add_class(name)
    return made


def parts(widget: Any) -> Iterator[Any]:
    """The widget and all that are inside it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from parts(child)
