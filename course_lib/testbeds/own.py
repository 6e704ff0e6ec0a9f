"""Pictures whose models are trained here: a person's own ("folder:PATH"), or two domains ("horse2zebra").

`make train DATA=...` trains them. Settings are Imagenette's, since size and radius are the same.
"""

from dataclasses import replace
from functools import partial
from typing import Any

from course_lib.datasets.collections import collection_of
from course_lib.datasets.photographs import Photographs
from course_lib.storage.files import default_cache
from course_lib.testbeds import imagenette
from course_lib.testbeds.testbed import Testbed
from course_lib.training.recipe import Recipe

STEPS = 1_500  # of training, about
ROLES = ("robust", "standard", "judge")


def load(data: str) -> Testbed:
    """Models of two classes are those of the pair, too."""
    collection = collection_of(data)
    weights = {role: f"{collection.name}-{role}" for role in ROLES}
    two = len(collection.classes) == 2
    return Testbed(
        name=collection.name,
        classes=collection.classes,
        resolution=64,
        radius=imagenette.RADIUS,
        pictures=partial(Photographs, collection),
        weights=weights,
        settings="imagenette",
        home=default_cache() / "weights",
        pairs=((0, 1),),
        pair_weights={(0, 1): {role: weights[role] for role in ROLES[:2]}} if two else {},
    )


def recipes(data: str) -> dict[str, Recipe]:
    """Imagenette's recipes on a smaller network, for about `STEPS` steps."""
    collection = collection_of(data)
    count = len(Photographs(collection, "train", size=64))
    size, many = min(64, count // 4), len(collection.classes)
    common: dict[str, Any] = {
        "data": data,
        "precision": "float32",
        "batch_size": size,
        "epochs": max(2, STEPS * size // count),
    }
    robust = replace(imagenette.PHOTOGRAPHS, classes=many, widths=(16, 48, 96, 192), **common)
    judge = replace(imagenette.JUDGE, classes=many + 1, widths=(24, 48, 96, 128), **common)
    return dict(
        zip((f"{collection.name}-{role}" for role in ROLES), (robust, replace(robust, radius=0.0), judge), strict=True)
    )
