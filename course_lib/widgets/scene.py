"""What the demo of gradients chooses among: photographs, classes, networks, and a loss whose gradient is averaged."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from course_lib import testbeds
from course_lib.constraints import L2Ball
from course_lib.models import Classifier
from course_lib.one_line import OneLine
from course_lib.pgd import Objective, Problem, value_and_gradient
from course_lib.prepared import prepare
from course_lib.tasks import cross_entropy
from course_lib.testbeds import imagenette
from course_lib.testbeds.weights import load_model
from course_lib.widgets.album import OWN, SUGGESTED, Album

SIDE = 128  # pixels, of the pair of networks that is shown first; ε counts at this side
KNOWN = 40  # gradients of one loss that are kept
STRAIGHT, PGD = "one gradient", "PGD"


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
        if self.fixed is None:
            losses, slope = self.both(images)
        else:
            losses, slope = self.loss(images.detach()), self.both(self.fixed)[1]
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
        self.album = Album(self.pair)
        self.smooth = lru_cache(8)(self._smooth)

    def networks(self, radius: float) -> Mapping[str, Classifier]:
        """The pair at 128 pixels, or the network of one radius of the dial beside the standard one."""
        if radius == self.pair.radius:
            return self.pair.models
        return {"robust": small(self.dial[radius]), "standard": small(self.dial[0.0])}

    def problems(self, *, picture: str, own: bytes, label: str, **chosen: Any) -> dict[str, Problem]:
        """What the player solves: a walk of length ε for each network."""
        networks, straight = self.networks(chosen["radius"]), chosen["walk"] == STRAIGHT
        start = self.album.start(picture, own, networks["robust"].size or SIDE)
        aim = self.pair.classes[self.album.target(picture, label)]
        if label == SUGGESTED and picture == OWN:
            aim = self.pair.classes[int(networks["robust"](start).argmax())]
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


@lru_cache
def small(name: str) -> Classifier:
    return prepare(load_model(name))
