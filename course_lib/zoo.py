"""Testbeds by name.

testbed = zoo.load("picturebook")
seeds = testbed.seeds("multivariate").sample(labels, generator=generator)
images = solve(generate(testbed.robust, seeds, labels, **testbed.tuned["generate"]))
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from course_lib.datasets import cyclegan
from course_lib.datasets.collections import CIFAR10, IMAGENETTE, collection_of
from course_lib.datasets.photographs import Collection, Photographs
from course_lib.datasets.picturebook import CLASSES, DEFAULT_SHORTCUT, RADIUS, PictureBook
from course_lib.imagenet.folder import GROUPS
from course_lib.models import Classifier
from course_lib.storage.files import default_cache
from course_lib.testbed import Testbed
from course_lib.weights import load_model

ROLES = ("robust", "standard", "judge")


def picturebook(*, shortcut: float = DEFAULT_SHORTCUT) -> Testbed:
    """Pictures drawn by code, 64 x 64. At `shortcut=0` nothing is planted, and the standard model is one trained
    without it."""
    standard = "picturebook-standard" if shortcut else "picturebook-standard-shortcut0"
    pairs = ((0, 1), (2, 3), (4, 5))
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
        pairs=pairs,
        pair_weights=pair_weights("picturebook", CLASSES, pairs) if shortcut else {},
    )


def pair_weights(
    name: str, classes: Sequence[str], pairs: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], dict[str, str]]:
    """The names of networks that know one pair of classes alone: picturebook-pair-horse-zebra-robust and the like.

    PictureBook's ship; `python -m course_lib.trainer NAME` trains the others.
    """
    words = {pair: "-".join(classes[label].replace(" ", "-") for label in pair) for pair in pairs}
    return {pair: {role: f"{name}-pair-{words[pair]}-{role}" for role in ROLES[:2]} for pair in pairs}


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
        pair_weights=pair_weights(name, collection.classes, pairs),
        statistics=name,
    )


def imagenette_128() -> Testbed:
    """The photographs of `imagenette` at twice the side, with networks of their own.

    Judges and class statistics are those of 64 x 64 pixels: a judge looks at the means of 2 x 2 pixels, and seeds but
    uniform ones are drawn at 64 x 64 and upsampled.
    """
    small = load("imagenette")
    return replace(
        small,
        name="imagenette-128",
        resolution=128,
        radius=2 * small.radius,
        pictures=lambda split: Photographs(IMAGENETTE, split, size=128),
        weights=small.weights | {role: f"imagenette-128-{role}" for role in ROLES[:2]},
        settings="imagenette-128",
        pair_weights={},
        load=load_with_halving_judges,
    )


def load_with_halving_judges(name: str) -> Classifier:
    """A network that ships; a judge of 64 x 64 pixels is made to look at pictures of 128 x 128."""
    model = load_model(name)
    if "judge" in name:
        model.body = nn.Sequential(nn.AvgPool2d(2), *model.body.children())  # normalising and averaging commute
    return model


def imagenette_resnet(depth: int) -> Testbed:
    """Imagenette at 224 pixels with ResNets that know all 1,000 classes of ImageNet, as in Duke's report.

    The networks keep their 1,000 answers, so the loss is the documents' cross entropy over 1,000 classes, and a head of
    ten rows would be another one: it only asks for more of one class than of nine others. Imagenette's ten classes come
    first in every network, in its own order, and the 990 others follow in ImageNet's. So a label is a place in
    `classes`, as everywhere; `answers` names all 1,000, and `testbed.answers.index("goldfish")` is a target, too.
    Accuracies count all 1,000 answers. There are no pictures of the others, so Duke's translations to them are
    `one_way`; "crane" is taken to be the bird.

    Networks and pictures are fetched when first asked for, and settings are published ones (`data/tuned`). One standard
    network judges: what fools a standard network may convince it.
    """
    from course_lib.imagenet import networks as imagenet  # torchvision's models and the hub: only where they are needed

    numbers = (0, 217, 482, 491, 497, 566, 569, 571, 574, 701)
    answers = [imagenet.NAMES[number] for number in imagenet.order(numbers)]
    wanted = (("tench", "goldfish"), ("chain saw", "cannon"), ("parachute", "stingray"), ("parachute", "crane bird"))
    roles = {role: f"resnet{depth}-{role}" for role in ROLES[:2]}
    return Testbed(
        name=f"imagenette-resnet{depth}",
        classes=IMAGENETTE.classes,
        resolution=224,
        radius=3.0,
        pictures=lambda split: Photographs(IMAGENETTE, split, size=224),
        weights=roles | {"judge": "efficientnet-judge"},
        settings="imagenette-resnet50",
        pairs=((0, 1), (6, 7), (8, 9)),
        load=partial(imagenet.load_imagenet, first=numbers),
        others=answers[len(numbers) :],
        one_way=[(answers.index(source), answers.index(target)) for source, target in wanted],
        seed_pictures=lambda: Photographs(IMAGENETTE, "train", size=56),
    )


def imagenet() -> Testbed:
    """All of ImageNet at 224 pixels, from a folder that you have, with the networks of `imagenette-resnet50`."""
    from course_lib.imagenet import networks as imagenet

    return Testbed(
        name="imagenet",
        classes=imagenet.NAMES,
        resolution=224,
        radius=3.0,
        pictures=lambda split: Photographs(collection_of("imagenet"), split, size=224),
        weights={role: f"resnet50-{role}" for role in ROLES[:2]} | {"judge": "efficientnet-judge"},
        settings="imagenette-resnet50",
        pairs=((339, 340), (948, 950), (0, 1)),  # sorrel and zebra, Granny Smith and orange, tench and goldfish
        load=imagenet.load_imagenet,
        others=(),
        seed_pictures=lambda: Photographs(collection_of("imagenet"), "train", size=56),
        seeds_of_each=200,
    )


def restricted_imagenet() -> Testbed:
    """The paper's nine groups of ImageNet's classes at 224 pixels: pictures from an ImageNet folder that you have, the
    authors' networks and settings."""
    from course_lib.imagenet.restricted import load_restricted

    return Testbed(
        name="restricted_imagenet",
        classes=tuple(GROUPS),
        resolution=224,
        radius=3.0,
        pictures=lambda split: Photographs(collection_of("restricted_imagenet"), split, size=224),
        weights={role: f"restricted-{role}" for role in ROLES[:2]} | {"judge": "efficientnet-judge"},
        settings="restricted_imagenet",
        pairs=((0, 1), (2, 3)),
        load=load_restricted,
        seed_pictures=lambda: Photographs(collection_of("restricted_imagenet"), "train", size=56),
        seeds_of_each=500,
    )


def own(data: str) -> Testbed:
    """Pictures whose models are trained here: a person's own ("folder:PATH"), or a pair of domains ("horse2zebra").

    `make train DATA=...` trains them. The settings are Imagenette's, since size and radius are the same. Models of two
    classes are those of the pair, too.
    """
    collection = collection_of(data)
    weights = {role: f"{collection.name}-{role}" for role in ROLES}
    two = len(collection.classes) == 2
    return Testbed(
        name=collection.name,
        classes=collection.classes,
        resolution=64,
        radius=1.2,
        pictures=lambda split: Photographs(collection, split, size=64),
        weights=weights,
        settings="imagenette",
        pairs=((0, 1),),
        pair_weights={(0, 1): {role: weights[role] for role in ROLES[:2]}} if two else {},
        home=own_weights(),
    )


def own_weights() -> Path:
    """Where models that were trained on this machine are kept."""
    return default_cache() / "weights"


TESTBEDS: dict[str, Callable[..., Testbed]] = {
    "picturebook": picturebook,
    "imagenette": partial(photographs, IMAGENETTE, resolution=64, radius=1.2, pairs=((0, 1), (6, 7), (8, 9))),
    "imagenette-128": imagenette_128,
    "imagenette-resnet50": partial(imagenette_resnet, 50),
    "imagenette-resnet18": partial(imagenette_resnet, 18),
    "cifar10": partial(photographs, CIFAR10, resolution=32, radius=0.5, pairs=((3, 5), (4, 7), (1, 9))),
    "imagenet": imagenet,
    "restricted_imagenet": restricted_imagenet,
    **{name: partial(own, name) for name in cyclegan.PAIRS},
}


def load(name: str | None = None, **options: Any) -> Testbed:
    """The testbed of this name; without one, the one that the environment variable TESTBED names, else PictureBook.
    "folder:PATH" is the testbed of a person's own pictures."""
    name = name or os.environ.get("TESTBED", "picturebook")
    if name.startswith("folder:"):
        return own(name)
    if name not in TESTBEDS:
        raise ValueError(f"expected a testbed among {', '.join(TESTBEDS)} and folder:PATH, got {name!r}")
    return TESTBEDS[name](**options)
