"""Testbeds by name.

testbed = zoo.load("picturebook")
seeds = testbed.seeds("multivariate").sample(labels, generator=generator)
images = solve(generate(testbed.robust, seeds, labels, **testbed.tuned["generate"]))
"""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from course_lib.datasets.collections import IMAGENETTE, folder
from course_lib.datasets.photographs import Collection, Photographs
from course_lib.datasets.picturebook import CLASSES, DEFAULT_SHORTCUT, RADIUS, PictureBook
from course_lib.files import default_cache
from course_lib.testbed import Testbed

ROLES = ("robust", "standard", "judge")


def picturebook(*, shortcut: float = DEFAULT_SHORTCUT) -> Testbed:
    """Pictures drawn by code, 64 x 64. At `shortcut=0` nothing is planted, and the standard model is one trained
    without it."""
    standard = "picturebook-standard" if shortcut else "picturebook-standard-shortcut0"
    return Testbed(
        name="picturebook",
        classes=CLASSES,
        resolution=64,
        radius=RADIUS,
        pictures=lambda split: PictureBook(split, shortcut=shortcut),
        weights={
            "robust": "picturebook-robust",
            "standard": standard,
            "judge": "picturebook-judge",
            "second judge": "picturebook-judge2",
        },
        settings="picturebook",
        pairs=((0, 1), (2, 3), (4, 5)),
    )


def photographs(collection: Collection, *, resolution: int, radius: float, pairs: Sequence[tuple[int, int]]) -> Testbed:
    """Photographs: the models, and seeds from class statistics, ship; the pictures are fetched when first asked for."""
    name = collection.name
    return Testbed(
        name=name,
        classes=collection.classes,
        resolution=resolution,
        radius=radius,
        pictures=lambda split: Photographs(collection, split, size=resolution),
        weights={role: f"{name}-{role}" for role in ROLES} | {"second judge": f"{name}-judge2"},
        settings=name,
        pairs=pairs,
        statistics=name,
    )


def own(path: str) -> Testbed:
    """A person's own pictures, with the models that `make train DATA=path` has trained, and Imagenette's settings: size
    and radius are the same."""
    collection = folder(path)
    return Testbed(
        name=collection.name,
        classes=collection.classes,
        resolution=64,
        radius=1.2,
        pictures=lambda split: Photographs(collection, split, size=64),
        weights={role: f"{collection.name}-{role}" for role in ROLES},
        settings="imagenette",
        pairs=((0, 1),),
        home=own_weights(),
    )


def own_weights() -> Path:
    """Where models of people's own pictures are kept."""
    return default_cache() / "weights"


TESTBEDS: dict[str, Callable[..., Testbed]] = {
    "picturebook": picturebook,
    "imagenette": partial(photographs, IMAGENETTE, resolution=64, radius=1.2, pairs=((0, 1), (6, 7), (8, 9))),
}


def load(name: str | None = None, **options: Any) -> Testbed:
    """The testbed of this name; without one, the one that the environment variable TESTBED names, else PictureBook.
    "folder:PATH" is the testbed of a person's own pictures."""
    name = name or os.environ.get("TESTBED", "picturebook")
    if name.startswith("folder:"):
        return own(name.removeprefix("folder:"))
    if name not in TESTBEDS:
        raise ValueError(f"expected a testbed among {', '.join(TESTBEDS)} and folder:PATH, got {name!r}")
    return TESTBEDS[name](**options)
