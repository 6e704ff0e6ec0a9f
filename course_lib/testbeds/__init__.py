"""Testbeds by name: data, models, judges, seeds and settings. One file for each.

testbed = testbeds.load("picturebook")
seeds = testbed.seeds("multivariate").sample(labels, generator=generator)
images = solve(generate(testbed.robust, seeds, labels, **testbed.tuned["generate"]))
"""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from course_lib.datasets.collections import IMAGENETTE, PAIRS
from course_lib.storage.files import place, unquoted
from course_lib.testbeds import cifar10, imagenet, imagenette, imagenette_larger, imagenette_resnet, own, picturebook
from course_lib.testbeds.testbed import Testbed

__all__ = ["PUBLISHED", "TESTBEDS", "Testbed", "load", "with_pictures"]

PUBLISHED: dict[str, Callable[..., Testbed]] = {  # their networks are fetched, not trained here
    "imagenette-resnet50": partial(imagenette_resnet.load, 50),
    "imagenette-resnet18": partial(imagenette_resnet.load, 18),
    "imagenet": imagenet.load,
    "restricted_imagenet": imagenet.load_restricted,
}
TESTBEDS: dict[str, Callable[..., Testbed]] = {
    "picturebook": picturebook.load,
    "imagenette": imagenette.load,
    "imagenette-128": partial(imagenette_larger.load, 128),
    "imagenette-224": partial(imagenette_larger.load, 224),
    "cifar10": cifar10.load,
    **PUBLISHED,
    **{name: partial(own.load, name) for name in PAIRS},
}


def load(name: str | None = None, *, default: str = "picturebook", **options: Any) -> Testbed:
    """The testbed of this name; without one, the one that the variable TESTBED names, else the `default`.

    "folder:PATH" is the testbed of a person's own pictures. ValueError where there is none of this name.
    """
    name = unquoted(name or os.environ.get("TESTBED", "")) or default
    if name.startswith("folder:"):
        return own.load(f"folder:{place(name.removeprefix('folder:'))}")
    if name not in TESTBEDS:
        raise ValueError(f"expected a testbed among {', '.join(TESTBEDS)} and folder:PATH, got {name!r}")
    return TESTBEDS[name](**options)


def with_pictures(*, default: str) -> Testbed:
    """What `load` gives where its photographs are on this machine, else PictureBook; nothing is fetched. It says which.

    A task that is told the true class needs pictures of it.
    """
    testbed = load(default=default)
    try:
        if testbed.name.startswith("imagenette"):
            replace(IMAGENETTE, fetch=None).places("test")
    except FileNotFoundError:
        print("No test photographs are on this machine: PictureBook's test pictures stand in, and its networks.")
        return load("picturebook")
    print(f"Test pictures: those of {testbed.name}.")
    return testbed
