"""Imagenette at 128 and at 224 pixels, the papers' size, with networks of their own.

Judges and class statistics are those of 64 x 64 pixels: a judge looks at means over 2 x 2 pixels, or 3 1/2 x 3 1/2, and
seeds but uniform ones are drawn on their grid and upsampled.
"""

from dataclasses import replace
from functools import partial
from typing import Any

from torch import nn

from course_lib.models import Classifier
from course_lib.testbeds import imagenette
from course_lib.testbeds.testbed import Testbed
from course_lib.testbeds.weights import load_model
from course_lib.training.recipe import Recipe


def recipe(size: int, *widths: int, shrinks: tuple[int, ...], epochs: int) -> Recipe:
    """At first at a part of the side, for a part of the time. Every block but the last halves the resolution."""
    halvings = (*(True for _ in widths[1:]), False)
    radius = imagenette.RADIUS * size / 64  # an L2 length grows with the side of a picture
    how: dict[str, Any] = {"widths": widths, "halvings": halvings, "shrinks": shrinks, "epochs": epochs}
    return replace(imagenette.ROBUST, size=size, radius=radius, **how)


RECIPES = {  # by resolution
    128: recipe(128, 16, 32, 64, 128, 192, shrinks=(2, 1), epochs=100),
    224: recipe(224, 16, 32, 64, 128, 192, 192, shrinks=(4, 2, 1), epochs=75),
}


def load(resolution: int) -> Testbed:
    small, robust, name = imagenette.load(), RECIPES[resolution], f"imagenette-{resolution}"
    return replace(
        small,
        name=name,
        resolution=resolution,
        radius=robust.radius,
        weights={**small.weights, "robust": f"{name}-robust", "standard": f"{name}-standard"},
        settings=name,
        pair_weights={},
        load=partial(at, resolution),
        recipes={f"{name}-robust": robust, f"{name}-standard": replace(robust, radius=0.0)},
        on_request={},
    )


def at(resolution: int, name: str) -> Classifier:
    """A network that ships; one of 64 x 64 pixels is made to look at larger pictures."""
    model = load_model(name)
    if model.size == 64 != resolution:  # normalising and averaging commute
        model.body, model.size = nn.Sequential(nn.AdaptiveAvgPool2d(64), *model.body.children()), resolution
    return model
