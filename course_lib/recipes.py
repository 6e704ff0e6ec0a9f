"""The recipes of all shipped models, and of models that a person trains; `course_lib.trainer` trains them.

A robust model and its standard twin differ in the training radius alone.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from course_lib import zoo
from course_lib.datasets.collections import collection_of
from course_lib.datasets.photographs import Photographs
from course_lib.datasets.picturebook import DEFAULT_SHORTCUT, RADIUS, PictureBook
from course_lib.training.recipe import Recipe

TRAINING_RADIUS = 1.25 * RADIUS  # a little beyond the radius at which robustness is measured

ROBUST = Recipe(
    data="picturebook",
    shortcut=DEFAULT_SHORTCUT,
    radius=TRAINING_RADIUS,
    attack_steps=(2, 2, 3),
    epochs=12,
    precision="bfloat16",
)
STANDARD = replace(ROBUST, radius=0.0)
JUDGE = Recipe(
    data="picturebook",
    shortcut=0.0,
    classes=11,
    network="plain",
    widths=(16, 32, 64, 128, 128),
    radius=1.0,
    attack_steps=(1,),
    epochs=3,
    noise=0.05,
    nothing=0.25,
    padding=6,
    seed=12,
)
STANDARD_JUDGE = replace(JUDGE, widths=(24, 48, 96, 128), radius=0.0, attack_steps=(1, 1, 2), noise=0.25, seed=11)
LIVE = Recipe(
    data="picturebook",
    shortcut=DEFAULT_SHORTCUT,
    size=32,
    widths=(16, 32, 64, 96),
    radius=TRAINING_RADIUS / 2,
    epochs=5,
    padding=2,
)
PAIR = replace(  # two classes alone, as in the paper; two are so easy to tell apart that the radius has to be larger
    ROBUST, classes=2, only=(0, 1), widths=(16, 32, 64, 64), radius=2 * RADIUS
)

PHOTOGRAPHS = Recipe(
    data="imagenette",
    widths=(32, 64, 160, 320),
    radius=1.2,
    attack_steps=(1, 1, 1, 2),
    epochs=60,
    precision="bfloat16",
    padding=0,
    crop=0.5,
    colour=0.2,
    validation=300,
)
LARGE_PHOTOGRAPHS = replace(  # the first two thirds at half the side, for a quarter of the time
    PHOTOGRAPHS,
    size=128,
    widths=(16, 32, 64, 128, 192),
    halvings=(True, True, True, True, False),
    radius=2.4,
    attack_steps=(1, 1, 1, 1, 1, 2),
    shrinks=(2, 2, 1),
    epochs=50,
)
PHOTO_JUDGE = replace(
    PHOTOGRAPHS,
    classes=11,
    network="plain",
    widths=(32, 64, 128, 192, 256),
    radius=0.6,
    attack_steps=(1,),
    epochs=16,
    crop=0.35,
    colour=0.3,
    noise=0.05,
    nothing=0.15,
    seed=12,
)
STANDARD_PHOTO_JUDGE = replace(
    PHOTO_JUDGE, widths=(24, 48, 96, 128), radius=0.0, attack_steps=(1, 1, 2), epochs=25, noise=0.1, seed=11
)
DIAL = replace(PHOTOGRAPHS, widths=(24, 48, 96, 128), epochs=20, precision="float32")
DIAL_RADII = (0.0, 0.3, 0.6, 1.2, 3.0, 6.0)  # L2, pixel units: nothing else differs between these six networks
CIFAR10 = replace(  # pictures of 32 x 32 are many, and too small for random crops
    PHOTOGRAPHS,
    data="cifar10",
    size=32,
    halvings=(False, True, True, True),
    radius=0.5,
    epochs=20,
    batch_size=128,
    peak_rate=0.2,
    padding=4,
    crop=1.0,
    colour=0.0,
)
CIFAR10_JUDGE = replace(
    CIFAR10,
    classes=11,
    network="plain",
    halvings=None,
    widths=(48, 96, 192, 256),
    radius=0.25,
    attack_steps=(1,),
    epochs=12,
    noise=0.05,
    nothing=0.15,
    seed=12,
)


def of_pairs(testbed: str, robust: Recipe) -> dict[str, Recipe]:
    """A robust and a standard recipe, by name, for each pair of classes of a testbed; they know these two alone."""
    return {
        names[role]: replace(robust, classes=2, only=pair, radius=radius)
        for pair, names in zoo.load(testbed).pair_weights.items()
        for role, radius in (("robust", robust.radius), ("standard", 0.0))
    }


RECIPES = {
    "picturebook-robust": ROBUST,
    "picturebook-standard": STANDARD,
    "picturebook-judge": JUDGE,
    "picturebook-judge2": STANDARD_JUDGE,
    "picturebook-standard-shortcut0": replace(STANDARD, shortcut=0.0),
    "picturebook-standard-shortcut2": replace(STANDARD, shortcut=2.0),
    "picturebook-live": LIVE,
    **of_pairs("picturebook", PAIR),
    "picturebook-pair-apple-orange-robust": replace(PAIR, only=(2, 3), radius=TRAINING_RADIUS),  # more is too hard
    "picturebook-pair-horse-zebra-biased": replace(PAIR, backgrounds=(0, 2)),  # horses on grass, zebras in snow
    "picturebook-pair-horse-zebra-radius5": replace(PAIR, radius=TRAINING_RADIUS),
    "imagenette-robust": PHOTOGRAPHS,
    "imagenette-standard": replace(PHOTOGRAPHS, radius=0.0),
    "imagenette-128-robust": LARGE_PHOTOGRAPHS,
    "imagenette-128-standard": replace(LARGE_PHOTOGRAPHS, radius=0.0),
    "imagenette-judge": PHOTO_JUDGE,
    "imagenette-judge2": STANDARD_PHOTO_JUDGE,
    "cifar10-robust": CIFAR10,
    "cifar10-standard": replace(CIFAR10, radius=0.0),
    "cifar10-judge": CIFAR10_JUDGE,
    "cifar10-judge2": replace(CIFAR10_JUDGE, radius=0.0, attack_steps=(1, 1, 2), noise=0.1, seed=11),
}

ON_REQUEST = {  # trained by name; none ships
    **of_pairs("imagenette", PHOTOGRAPHS),
    **of_pairs("cifar10", CIFAR10),
    **{f"imagenette-radius-{radius:g}": replace(DIAL, radius=radius) for radius in DIAL_RADII},
    **{  # in figures: how much three trainings differ
        f"picturebook-radius-{factor * TRAINING_RADIUS / 2:g}-seed-{seed}": replace(
            LIVE, radius=factor * TRAINING_RADIUS / 2, seed=seed
        )
        for seed in range(3)
        for factor in (0.0, 0.25, 0.5, 1.0, 2.5, 5.0)
    },
}

ATTACKS: dict[str, dict[str, Any]] = {  # at which robustness is measured, for the card; radii at pictures of `size`
    "picturebook": {"norm": "l2", "radius": RADIUS, "steps": 50, "restarts": 5, "size": 64},
    "imagenette": {"norm": "l2", "radius": 1.2, "steps": 50, "restarts": 1, "size": 64},
    "cifar10": {"norm": "l2", "radius": 0.5, "steps": 100, "restarts": 1, "size": 32},
}


def pictures(recipe: Recipe, split: str, *, size: int | None = None) -> tuple[Tensor, Tensor]:
    """The uint8 pictures and labels that a recipe trains or is measured on."""
    book: PictureBook | Photographs
    if recipe.data == "picturebook":
        book = PictureBook(
            split, size=size or recipe.size, shortcut=recipe.shortcut or 0.0, backgrounds=recipe.backgrounds
        )
    else:
        book = Photographs(collection_of(recipe.data), split, size=size or recipe.size)
    if not recipe.only:
        return book.images(), book.labels
    numbers = torch.tensor(recipe.only)
    members = torch.isin(book.labels, numbers).nonzero().squeeze(1)
    return book.images(members), (book.labels[members, None] == numbers).int().argmax(1)


OWN_STEPS = 1_500  # of training on pictures whose models do not ship


def own(data: str) -> dict[str, Recipe]:
    """The recipes for a person's own pictures ("folder:PATH") and for pairs of domains ("horse2zebra"): Imagenette's on
    a smaller network, for about OWN_STEPS steps."""
    collection = collection_of(data)
    count = len(Photographs(collection, "train", size=64))
    size, many = min(64, count // 4), len(collection.classes)
    common: dict[str, Any] = {"data": data, "batch_size": size, "epochs": max(2, OWN_STEPS * size // count)}
    robust = replace(PHOTOGRAPHS, classes=many, precision="float32", widths=(16, 48, 96, 192), **common)
    judge = replace(PHOTO_JUDGE, classes=many + 1, precision="float32", widths=(24, 48, 96, 128), **common)
    recipes = {"robust": robust, "standard": replace(robust, radius=0.0), "judge": judge}
    return {f"{collection.name}-{role}": recipe for role, recipe in recipes.items()}
