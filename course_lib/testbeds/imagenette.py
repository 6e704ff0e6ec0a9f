"""Imagenette at 64 pixels: ten classes of photographs. Models and class statistics ship, pictures are fetched."""

from dataclasses import replace
from functools import partial

from course_lib.datasets.collections import IMAGENETTE
from course_lib.datasets.photographs import Photographs
from course_lib.testbeds.pairs import pair_recipes, pair_weights
from course_lib.testbeds.seeding import Seeding
from course_lib.testbeds.testbed import Testbed
from course_lib.training.recipe import Recipe

NAME, PAIRS = "imagenette", ((0, 1), (6, 7), (8, 9))
RADIUS = 1.2  # where robustness is measured, and the training radius: L2, pixel units, at 64 x 64
DIAL = (0.0, 0.3, 0.6, 1.2, 3.0, 6.0)  # training radii of six networks that differ in nothing else

ROBUST = Recipe(
    data=NAME,
    widths=(32, 64, 160, 320),
    radius=RADIUS,
    attack_steps=(1, 1, 1, 2),
    epochs=60,
    precision="bfloat16",
    padding=0,
    crop=0.5,
    colour=0.2,
    validation=300,
)
JUDGE = replace(
    ROBUST,
    classes=11,
    network="plain",
    widths=(32, 64, 128, 192, 256),
    radius=RADIUS / 2,
    attack_steps=(1,),
    epochs=16,
    crop=0.35,
    colour=0.3,
    noise=0.05,
    nothing=0.15,
    seed=12,
)
PAIR_WEIGHTS = pair_weights(NAME, IMAGENETTE.classes, PAIRS)
RECIPES = {
    "imagenette-robust": ROBUST,
    "imagenette-standard": replace(ROBUST, radius=0.0),
    "imagenette-judge": JUDGE,
    "imagenette-judge2": replace(
        JUDGE, widths=(24, 48, 96, 128), radius=0.0, attack_steps=(1, 1, 2), epochs=25, noise=0.1, seed=11
    ),
}
SMALL = replace(ROBUST, widths=(24, 48, 96, 128), epochs=20, precision="float32")
ON_REQUEST = {
    **pair_recipes(PAIR_WEIGHTS, ROBUST),
    **{f"imagenette-radius-{radius:g}": replace(SMALL, radius=radius) for radius in DIAL},
}


def load() -> Testbed:
    return Testbed(
        name=NAME,
        classes=IMAGENETTE.classes,
        resolution=64,
        radius=RADIUS,
        pictures=partial(Photographs, IMAGENETTE),
        weights={
            "robust": "imagenette-robust",
            "standard": "imagenette-standard",
            "judge": "imagenette-judge",
            "second judge": "imagenette-judge2",
        },
        settings=NAME,
        seeding=Seeding(statistics=NAME),
        pairs=PAIRS,
        pair_weights=PAIR_WEIGHTS,
        recipes=RECIPES,
        on_request=ON_REQUEST,
    )
