"""Gradients, live: what the loss of a class asks of a photograph, by a robust and by a standard network."""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import ipywidgets as widgets
import torch
from torch import Tensor

from course_lib import plots, testbeds
from course_lib.constraints import L2Ball, norms
from course_lib.datasets import shipped
from course_lib.datasets.collections import IMAGENETTE
from course_lib.datasets.photographs import Photographs
from course_lib.datasets.reading import read_picture
from course_lib.models import Classifier
from course_lib.one_line import OneLine
from course_lib.pgd import Objective, Problem, value_and_gradient
from course_lib.prepare import prepare
from course_lib.tasks import cross_entropy
from course_lib.testbeds import imagenette
from course_lib.testbeds.weights import load_model
from course_lib.widgets import controls
from course_lib.widgets.player import Player
from course_lib.widgets.runs import Measure, Moment
from course_lib.widgets.upload import Upload

SIDE = 128  # pixels, of the pair of networks that is shown first; ε counts at this side
LENGTH = 0.28  # of a change as it is shown, for each pixel of a side
TESTS, KNOWN = 6, 40  # test photographs in the menu; gradients of one loss that are kept
STRAIGHT, PGD = "one gradient", "PGD"
SUGGESTED, OWN = "suggested", "your own"
PRESETS: dict[str, dict[str, Any]] = {
    "gradient": {},
    "averaged": {"noise": 0.1, "averaged": 16},
    "walk": {"picture": "rocket", "walk": PGD, "shows": "picture"},
    "change": {"picture": "rocket", "walk": PGD, "shows": "change"},
}


@dataclass(repr=False)
class Smooth(OneLine):
    """A loss whose gradient is the mean over noisy copies of a picture (SmoothGrad), computed once for each picture.

    Where `fixed` is a picture, the gradient is everywhere that of this picture, so that a descent goes straight.
    """

    loss: Objective
    aim: str  # the class
    noise: float
    copies: int
    known: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    fixed: Tensor | None = None

    def __call__(self, images: Tensor) -> Tensor:
        losses, slope = self.both(images)
        slope = slope if self.fixed is None else self.both(self.fixed)[1]
        return losses + (slope * (images - images.detach())).flatten(1).sum(1)

    def both(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Losses and gradients."""
        key = hash(images.detach().numpy().tobytes())
        if (found := self.known.get(key)) is None:
            losses, slope = value_and_gradient(self.loss, images)
            if self.noise:
                noise = torch.randn(self.copies, *images.shape[1:], generator=torch.Generator().manual_seed(0))
                slope = value_and_gradient(self.loss, images + self.noise * noise)[1].mean(0, keepdim=True)
            if len(self.known) >= KNOWN:
                self.known.pop(next(iter(self.known)))
            found = self.known[key] = losses, slope
        return found


class Scene:
    """What the controls choose among: photographs, classes, networks."""

    def __init__(self) -> None:
        self.pair, self.dial = testbeds.load("imagenette-128"), imagenette.dial()
        self.tests = test_photographs(self.pair.classes)
        self.smooth = lru_cache(8)(self._smooth)

    def networks(self, radius: float) -> Mapping[str, Classifier]:
        """The pair at 128 pixels, or the network of one radius of the dial beside the standard one."""
        if radius == self.pair.radius:
            return self.pair.models
        return {"robust": small(self.dial[radius]), "standard": small(self.dial[0.0])}

    def start(self, picture: str, own: bytes, size: int) -> tuple[Tensor, str | None]:
        """A photograph, and the class suggested for it, where there is one."""
        if picture == OWN and not own:
            raise ValueError("expected a picture of your own, got none yet: choose a file")
        if picture in shipped.SUGGESTED:
            return shipped.photograph(picture, size), shipped.SUGGESTED[picture]
        source, aim = (io.BytesIO(own), None) if picture == OWN else self.tests[picture]
        return read_picture(source, size), aim

    def problems(self, *, picture: str, own: bytes, label: str, **chosen: Any) -> dict[str, Problem]:
        """What the player solves: a walk of length ε for each network."""
        networks, straight = self.networks(chosen["radius"]), chosen["walk"] == STRAIGHT
        start, aim = self.start(picture, own, networks["robust"].size or SIDE)
        if label != SUGGESTED or aim is None:
            aim = label if label != SUGGESTED else self.pair.classes[int(networks["robust"](start).argmax())]
        epsilon = chosen["epsilon"] * start.shape[-1] / SIDE
        walk = {"steps": chosen["steps"], "step_size": (1.0 if straight else 2.5) * epsilon / chosen["steps"]}
        loss = [chosen[name] for name in ("radius", "lower", "noise", "averaged")]
        return {
            role: Problem(replace(one, fixed=start if straight else None), start, L2Ball(epsilon), **walk)
            for role in networks
            if (one := self.smooth(role, aim, *loss))
        }

    def _smooth(self, role: str, aim: str, radius: float, lower: bool, noise: float, copies: int) -> Smooth:
        model, label, sign = self.networks(radius)[role], self.pair.classes.index(aim), 1 if lower else -1

        def loss(images: Tensor) -> Tensor:
            return sign * cross_entropy(model, torch.full((len(images),), label))(images)

        return Smooth(loss, aim, noise, copies)

    def caption(self, moment: Moment) -> str:
        """What is shown, and what the network makes of it."""
        chosen, share = moment.values, math.exp(-real(moment).item())
        radius = 0.0 if moment.name == "standard" else chosen["radius"]
        copies = f", noisy copies: {chosen['averaged']}" if chosen["noise"] and moment.frame.step else ""
        sign = "minus" if chosen["lower"] else "plus"
        length = f"{norms(moment.frame.images - moment.problem.start).item():.1f}"
        said = {
            "gradient": f"{sign} the gradient at the start{copies}",
            "picture": f"changed by {length}",
            "change": f"the change of {length}, enlarged",
        }[chosen["shows"]]
        return f"{said}\ntraining radius {radius:g}, sees {smooth(moment).aim}: {share:.0%}"


@lru_cache
def small(name: str) -> Classifier:
    return prepare(load_model(name))


def test_photographs(classes: Sequence[str]) -> dict[str, tuple[Path, str]]:
    """The first test photographs, where they are on this machine, each with its class; nothing is fetched."""
    try:
        test = Photographs(replace(IMAGENETTE, fetch=None), "test", size=SIDE)
    except FileNotFoundError:
        return {}
    found = zip(test.files[:TESTS], test.labels.tolist(), strict=False)
    return {f"test {number}: {classes[label]}": (file, classes[label]) for number, (file, label) in enumerate(found)}


def smooth(moment: Moment) -> Smooth:
    return cast(Smooth, moment.problem.objective)


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
        scene, own = Scene(), Upload()
        pictures = controls.menu("picture", [*shipped.SUGGESTED, *scene.tests, OWN], "cat")
        own.observe(lambda _: setattr(pictures, "value", OWN), "value")
        super().__init__(
            scene.problems,
            view=view,
            caption=scene.caption,
            measures=[Measure("real loss", real, None, None), Measure("promised loss", promised, None, None)],
            columns=1,
            presets=PRESETS,
            picture=pictures,
            own=own,
            **sliders(scene),
        )


def sliders(scene: Scene) -> dict[str, Any]:
    pair = scene.pair.radius
    radii = [(f"{pair:g}, {SIDE} px", pair), *((f"{r:g}, 64 px", r) for r in scene.dial)]
    walks, signs = [STRAIGHT, PGD], [("− gradient", True), ("+ gradient", False)]
    return {
        "label": controls.menu("class", [SUGGESTED, *scene.pair.classes], SUGGESTED),
        "shows": controls.menu("view", ["gradient", "picture", "change"], "gradient"),
        "walk": controls.menu("walk", walks, STRAIGHT),
        "lower": controls.menu("direction", signs, True),
        "epsilon": controls.slider("ε (radius)", 24.0, low=0.5, high=48.0, step=0.5),
        "steps": controls.steps(15, high=40),
        "noise": controls.slider("noise σ", 0.0, low=0.0, high=0.3, step=0.02),
        "averaged": controls.slider("noisy copies", 8, low=1, high=32, step=1),
        "radius": widgets.SelectionSlider(
            options=radii, description="training radius", tooltip="of the network at the left"
        ),
    }
