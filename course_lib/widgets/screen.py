"""The player's face: its widgets, how they are laid out, and how a moment of the runs is drawn on them."""

import html
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
from torch import Tensor

from course_lib.widgets.canvas import Canvas
from course_lib.widgets.charts import chart
from course_lib.widgets.runs import Kept, Measure, Update
from course_lib.widgets.sheets import encode, sheet

STYLE = (Path(__file__).parent / "style.css").read_text()
ONE_WIDE, MANY_WIDE = 320, 400  # about, in pixels of the screen: sheets of one column, of more; without a scale
NOTHING = encode(np.full((1, 1, 3), 128, np.uint8), "png")


class Screen:
    """Controls, buttons, progress, status; a sheet of pictures for each name; a step slider; a chart for each measure.

    Pictures are sent in their own size and enlarged by the browser, pixel by pixel: light, and crisp on any projector.
    """

    def __init__(
        self,
        names: Sequence[str],
        controls: Mapping[str, Any],
        measures: Sequence[Measure],
        *,
        scale: int | None,
        columns: int,
    ) -> None:
        self.measures, self.scale, self.columns = measures, scale, columns
        self.run_button = widgets.Button(
            description="Run", icon="play", tooltip="Compute once more", button_style="primary"
        )
        self.stop_button = widgets.Button(description="Stop", icon="stop", tooltip="End the run after this step")
        self.reset_button = widgets.Button(
            description="Reset", icon="undo", tooltip="Back to the first settings and the start"
        )
        self.progress = widgets.FloatProgress(max=1, layout=widgets.Layout(width="160px"))
        self.status = widgets.HTML()
        self.images = {name: widgets.Image(value=NOTHING, width="320", height="320") for name in names}
        self.captions = {name: widgets.HTML() for name in names}
        self.charts = {measure.label: widgets.HTML() for measure in measures}
        self.scrubber = widgets.IntSlider(
            description="step",
            max=1,
            disabled=True,
            layout=widgets.Layout(width="auto"),
            tooltip="Look at the kept steps",
        )
        self.sent = 0  # bytes of pictures in the last drawing
        self.widget = self.arrange([dress(name, control) for name, control in controls.items()])
        self.say("")

    def arrange(self, controls: Sequence[Any]) -> widgets.VBox:
        stands = [
            widgets.VBox([widgets.HTML(heading(number, name)), image, self.captions[name]])
            for number, (name, image) in enumerate(self.images.items())
        ]
        stage = row([*stands, row([*self.charts.values()], "charts")], "stage")
        if canvases := [control for control in controls if isinstance(control, Canvas)]:
            stage.layout.flex = "1 1 660px"  # beside what is drawn: what becomes of it
            stage = row([*canvases, stage], "stage")
        sliders = [control for control in controls if not isinstance(control, Canvas)]
        parts = [self.run_button, self.stop_button, self.reset_button, self.progress, self.status]
        self.bar = row(parts, "bar", align_items="center")
        rows = [
            widgets.HTML(f"<style>{STYLE}</style>", layout=widgets.Layout(display="none")),
            row(sliders, "controls", align_items="center"),
            self.bar,
            self.scrubber,
            stage,
        ]
        return widgets.VBox(rows).add_class("course-player")

    def show(self, update: Update, step: int, *, final: bool) -> None:
        """Draw the newest kept pictures up to `step`: exact where they are `final`, light where more will come."""
        self.sent, self.scrubber.max, self.scrubber.value = 0, max(update.steps, 1), step
        for name, run in update.runs.items():
            position = max(bisect_right(run.steps, step) - 1, 0)
            self.draw(self.images[name], run.pictures[position], "png" if final else "jpeg")
            self.captions[name].value = self.caption(name, run, position)
        for measure in self.measures:
            lines = {
                name: [*zip(run.steps, run.line(measure.label), strict=False)]
                for name, run in update.runs.items()
                if measure.label in run.measures
            }
            self.charts[measure.label].value = chart(
                measure.label, lines, steps=update.steps, marked=step, write=measure.write, limits=measure.limits
            )

    def draw(self, image: widgets.Image, pictures: np.ndarray, kind: str) -> None:
        picture = sheet(pictures, self.columns)
        height, width = picture.shape[:2]
        room = ONE_WIDE if width == pictures.shape[2] else MANY_WIDE
        scale = self.scale or max(1, round(room / width))
        data = encode(picture, kind)
        self.sent += len(data)
        with image.hold_sync():  # one message
            image.width, image.height = str(width * scale), str(height * scale)
            image.format, image.value = kind, data

    def caption(self, name: str, run: Kept, position: int) -> str:
        """What is under a sheet: each measure's mean and the caption; an ellipsis where they are not known yet."""
        known = position < len(run.captions)
        rows = [said_of(m, run.measures[m.label][position] if known else None) for m in self.measures]
        said = html.escape(run.captions[position]) if known else ""
        unseen = f'<span class="unseen">Picture: {html.escape(name)}, step {run.steps[position]}.</span>'
        return f'{unseen}<div class="said">{"".join(rows)}<p>{said}</p></div>'.replace("\n", "<br>")

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


def said_of(measure: Measure, numbers: Tensor | None) -> str:
    """A measure's mean, and of how many numbers it is the mean."""
    mean = "…" if numbers is None else measure.write(numbers.mean().item())
    count = f", mean of {numbers.numel()}" if numbers is not None and numbers.numel() > 1 else ""
    return f"<span>{html.escape(measure.label)}{count}</span><b>{html.escape(mean)}</b>"


def heading(number: int, name: str) -> str:
    """The name with a piece of its line in the charts."""
    key = f'<svg width="44" height="8" aria-hidden="true"><path class="line line{number}" d="M3 4H41"/></svg>'
    return f'<div class="model">{html.escape(name)}{key}</div>'


def dress(name: str, control: Any) -> Any:
    """Give a control what it lacks: a visible label, a tooltip, room, and one message for each finished movement."""
    control.description = control.description or name.replace("_", " ")
    if control.has_trait("continuous_update"):
        control.continuous_update = False
    if control.has_trait("style") and getattr(control.style, "description_width", None) == "":
        control.style.description_width = "initial"
    if not control.tooltip and control.has_trait("max"):
        control.tooltip = f"{control.description}: {control.min:g} to {control.max:g}; arrow keys, Home and End move it"
    if control.layout.width is None:
        control.layout.width, control.layout.flex = "auto", "1 1 300px" if control.has_trait("max") else "0 1 auto"
    return control


def row(children: Sequence[Any], name: str, **layout: str) -> widgets.Box:
    """Side by side, in further rows where there is no room."""
    return widgets.Box(children, layout=widgets.Layout(flex_flow="row wrap", **layout)).add_class(name)
