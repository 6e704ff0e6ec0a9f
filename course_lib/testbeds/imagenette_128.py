"""Imagenette at 128 pixels, with networks of its own.

Judges and class statistics are those of 64 x 64 pixels: a judge looks at the means of 2 x 2 pixels, and seeds but
uniform ones are drawn on their grid and upsampled.
"""

from dataclasses import replace
from functools import partial

from torch import nn

from course_lib.datasets.collections import IMAGENETTE
from course_lib.datasets.photographs import Photographs
from course_lib.models import Classifier
from course_lib.testbeds import imagenette
from course_lib.testbeds.testbed import Testbed
from course_lib.testbeds.weights import load_model

NAME, RADIUS = "imagenette-128", 2 * imagenette.RADIUS  # an L2 length grows with the side of a picture

ROBUST = replace(  # the first two thirds at half the side, for a quarter of the time
    imagenette.ROBUST,
    size=128,
    widths=(16, 32, 64, 128, 192),
    halvings=(True, True, True, True, False),
    radius=RADIUS,
    attack_steps=(1, 1, 1, 1, 1, 2),
    shrinks=(2, 2, 1),
    epochs=50,
)
RECIPES = {"imagenette-128-robust": ROBUST, "imagenette-128-standard": replace(ROBUST, radius=0.0)}


def load() -> Testbed:
    small = imagenette.load()
    return replace(
        small,
        name=NAME,
        resolution=128,
        radius=RADIUS,
        pictures=partial(Photographs, IMAGENETTE),
        weights={**small.weights, "robust": "imagenette-128-robust", "standard": "imagenette-128-standard"},
        settings=NAME,
        pair_weights={},
        load=load_with_halving_judges,
        recipes=RECIPES,
        on_request={},
    )


def load_with_halving_judges(name: str) -> Classifier:
    """A network that ships; one of 64 x 64 pixels is made to look at pictures of 128 x 128."""
    model = load_model(name)
    if model.size == 64:  # normalising and averaging commute
        model.body, model.size = nn.Sequential(nn.AvgPool2d(2), *model.body.children()), 128
    return model
