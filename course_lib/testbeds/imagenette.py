"""Imagenette at 64 pixels: ten classes of photographs. Models and class statistics ship, pictures are fetched."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from course_lib.datasets.collections import IMAGENETTE
from course_lib.datasets.photographs import Collection, Photographs
from course_lib.testbeds.pairs import Pair, pair_recipes, pair_weights, roles
from course_lib.testbeds.seeding import Seeding
from course_lib.testbeds.testbed import Testbed
from course_lib.testbeds.weights import known
from course_lib.training.recipe import Recipe

RADIUS = 1.2  # where robustness is measured, and the training radius: L2, pixel units, at 64 x 64
DIAL = (0.0, 0.3, 0.6, 1.2, 3.0, 6.0)  # training radii of six networks that differ in nothing else

PHOTOGRAPHS = Recipe(  # what all networks of photographs share
    data="imagenette",
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
ROBUST = replace(  # on one GPU, a few minutes
    PHOTOGRAPHS,
    widths=(32, 64, 128, 224),
    attack_steps=(1, 1, 2),
    epochs=80,
    batch_size=128,
    peak_rate=0.2,
    precision="float32",
)
OF_JUDGES: dict[str, Any] = {  # an answer more, and pictures that vary more
    "classes": 11,
    "attack_steps": (1,),
    "crop": 0.35,
    "colour": 0.3,
    "noise": 0.05,
    "nothing": 0.15,
}
JUDGE = replace(
    PHOTOGRAPHS, **OF_JUDGES, network="plain", widths=(32, 64, 128, 192, 256), radius=RADIUS / 2, epochs=16, seed=12
)
THIRD = replace(  # of another architecture, and never used to choose settings
    ROBUST, **OF_JUDGES, network="mixer", widths=(160,) * 8, radius=0.0, epochs=40, peak_rate=0.1, seed=13
)
RECIPES = {
    "imagenette-robust": ROBUST,
    "imagenette-standard": replace(ROBUST, radius=0.0),
    "imagenette-judge": JUDGE,
    "imagenette-judge2": replace(
        JUDGE, widths=(24, 48, 96, 128), radius=0.0, attack_steps=(1, 1, 2), epochs=25, noise=0.1, seed=11
    ),
    "imagenette-judge3": THIRD,
}
SMALL = replace(PHOTOGRAPHS, widths=(24, 48, 96, 128), epochs=20, precision="float32")
OF_DIAL = {f"imagenette-radius-{radius:g}": replace(SMALL, radius=radius) for radius in DIAL}
ON_REQUEST = OF_DIAL | {  # the dial's, and what else a training may ask for
    "imagenette-penalty": replace(SMALL, linear=True),
    "imagenette-linf": replace(SMALL, norm="linf", radius=4 / 255),
}


def dial() -> dict[float, str]:
    """By training radius, the names of those of the six networks that are there."""
    there = known()
    return {OF_DIAL[name].radius: name for name in OF_DIAL if name in there}


def load() -> Testbed:
    return shipped(IMAGENETTE, ((0, 1), (6, 7), (8, 9)), RECIPES, on_request=ON_REQUEST)


def shipped(
    collection: Collection,
    pairs: Sequence[Pair],
    recipes: Mapping[str, Recipe],
    *,
    on_request: Mapping[str, Recipe] | None = None,
    **options: Any,
) -> Testbed:
    """Photographs whose networks and class statistics ship under the collection's name; networks of pairs do not."""
    name, robust = collection.name, recipes[f"{collection.name}-robust"]
    of_pairs = pair_weights(name, collection.classes, pairs)
    return Testbed(
        name=name,
        classes=collection.classes,
        resolution=robust.size,
        radius=robust.radius,
        pictures=partial(Photographs, collection),
        weights=roles(name),
        settings=name,
        seeding=Seeding(statistics=name),
        pairs=pairs,
        pair_weights=of_pairs,
        recipes=recipes,
        on_request={**pair_recipes(of_pairs, robust), **(on_request or {})},
        **options,
    )
