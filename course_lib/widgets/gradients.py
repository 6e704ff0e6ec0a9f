"""Gradients, live: what the loss of a class asks of a photograph, by a robust and by a standard network."""

import math
from typing import Any, cast

import ipywidgets as widgets
from torch import Tensor

from course_lib import plots
from course_lib.constraints import norms
from course_lib.pgd import value_and_gradient
from course_lib.widgets import controls
from course_lib.widgets.player import Player
from course_lib.widgets.runs import Measure, Moment
from course_lib.widgets.scene import PGD, SIDE, STRAIGHT, Scene, Smooth

LENGTH = 0.28  # of a change as it is shown, for each pixel of a side
PRESETS: dict[str, dict[str, Any]] = {
    "gradient": {},
    "averaged": {"noise": 0.1, "averaged": 16},
    "walk": {"picture": "rocket", "walk": PGD, "shows": "picture"},
    "change": {"picture": "rocket", "walk": PGD, "shows": "change"},
}


def smooth(moment: Moment) -> Smooth:
    return cast(Smooth, moment.problem.objective)


def caption(moment: Moment) -> str:
    """What is shown, and what the network makes of it."""
    chosen, share = moment.values, math.exp(-real(moment).item())
    radius = 0.0 if moment.name == "standard" else chosen["radius"]
    copies = f", noisy copies: {chosen['averaged']}" if chosen["noise"] and moment.frame.step else ""
    length = f"{norms(moment.frame.images - moment.problem.start).item():.1f}"
    said = {
        "gradient": f"{'minus' if chosen['lower'] else 'plus'} the gradient at the start{copies}",
        "picture": f"changed by {length}",
        "change": f"the change of {length}, enlarged",
    }[chosen["shows"]]
    return f"{said}\ntrained at {radius:g}: {smooth(moment).aim} {share:.0%}"


def view(moment: Moment) -> Tensor:
    """The gradient at the start, the picture, or how it changed, enlarged to one length for both networks."""
    objective, start = smooth(moment), moment.problem.start
    change, started = moment.frame.images - start, moment.frame.losses.numel()
    if moment.values["shows"] == "picture":
        return moment.frame.images
    # The first frame is to come at once: no averages yet.
    slope = objective.both(start)[1] if started else value_and_gradient(objective.loss, start)[1]
    if moment.values["shows"] == "gradient":
        return plots.gradient_pictures(-slope)
    change = change if change.any() else -slope  # where it begins to go
    return (0.5 + LENGTH * start.shape[-1] * change / norms(change).clamp(min=1e-12)).clamp(0, 1)


def real(moment: Moment) -> Tensor:
    return moment.frame.losses if moment.values["lower"] else -moment.frame.losses


def promised(moment: Moment) -> Tensor:
    """What the loss would be if the first gradient held along the whole walk; at least 0, as no loss is less."""
    losses, slope = smooth(moment).both(moment.problem.start)
    line = losses + (slope * (moment.frame.images - moment.problem.start)).flatten(1).sum(1)
    return (line if moment.values["lower"] else -line).clamp(min=0)


class Gradients(Player):
    """Robust and standard gradients of a photograph, a walk along them, and the loss promised and real on the way.

    Without a browser: `Gradients().compute(picture="rocket", walk=PGD, shows="picture")["robust"].images`.
    """

    def __init__(self) -> None:
        scene = Scene()
        super().__init__(
            scene.problems,
            view=view,
            caption=caption,
            measures=[Measure("real loss", real, None, None), Measure("promised loss", promised, None, None)],
            columns=1,
            presets=PRESETS,
            picture=scene.album.menu,
            own=scene.album.own,
            **sliders(scene),
        )


def sliders(scene: Scene) -> dict[str, Any]:
    pair = scene.pair.radius
    radii = [(f"{pair:g}, {SIDE} px", pair), *((f"{r:g}, 64 px", r) for r in scene.dial)]
    return {
        "label": scene.album.label,
        "shows": controls.menu("view", ["gradient", "picture", "change"], "gradient"),
        "walk": controls.menu("walk", [STRAIGHT, PGD], STRAIGHT),
        "lower": controls.menu("direction", [("− gradient", True), ("+ gradient", False)], True),
        "epsilon": controls.slider("ε", 24.0, low=0.5, high=48.0, step=0.5),
        "steps": controls.steps(15, high=40),
        "noise": controls.slider("noise σ", 0.0, low=0.0, high=0.3, step=0.02),
        "averaged": controls.slider("copies", 8, low=1, high=32, step=1, tooltip="noisy, their gradients averaged"),
        "radius": widgets.SelectionSlider(options=radii, description="training radius", tooltip="of the left network"),
    }
