"""The recipes of all shipped models, and of models of a person's own pictures; `course_lib.trainer` trains them.

A robust model and its standard twin differ in the training radius alone.
"""

from dataclasses import replace
from typing import Any

from torch import Tensor

from course_lib.datasets.collections import collection_of, folder
from course_lib.datasets.photographs import Photographs
from course_lib.datasets.picturebook import DEFAULT_SHORTCUT, RADIUS, PictureBook
from course_lib.recipe import Recipe

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

PHOTOGRAPHS = Recipe(
    data="imagenette",
    widths=(32, 64, 160, 320),
    radius=1.2,
    attack_steps=(1, 1, 1, 2),
    epochs=40,
    precision="bfloat16",
    padding=0,
    crop=0.35,
    colour=0.3,
    validation=300,
)
PHOTO_JUDGE = replace(
    PHOTOGRAPHS,
    classes=11,
    network="plain",
    widths=(32, 64, 128, 192, 256),
    radius=0.6,
    attack_steps=(1,),
    epochs=16,
    noise=0.05,
    nothing=0.15,
    seed=12,
)
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

RECIPES = {
    "picturebook-robust": ROBUST,
    "picturebook-standard": STANDARD,
    "picturebook-judge": JUDGE,
    "picturebook-judge2": STANDARD_JUDGE,
    "picturebook-standard-shortcut0": replace(STANDARD, shortcut=0.0),
    "picturebook-standard-shortcut2": replace(STANDARD, shortcut=2.0),
    "picturebook-live": LIVE,
    "imagenette-robust": PHOTOGRAPHS,
    "imagenette-standard": replace(PHOTOGRAPHS, radius=0.0),
    "imagenette-judge": PHOTO_JUDGE,
    "imagenette-judge2": replace(PHOTO_JUDGE, radius=0.0, attack_steps=(1, 1, 2), epochs=25, noise=0.1, seed=11),
    "cifar10-robust": CIFAR10,
}

ATTACKS: dict[str, dict[str, Any]] = {  # at which robustness is measured, for the card
    "picturebook": {"norm": "l2", "radius": RADIUS, "steps": 50, "restarts": 5},
    "imagenette": {"norm": "l2", "radius": 1.2, "steps": 50, "restarts": 1},
    "cifar10": {"norm": "l2", "radius": 0.5, "steps": 100, "restarts": 1},
}


def pictures(recipe: Recipe, split: str, *, size: int | None = None) -> tuple[Tensor, Tensor]:
    """The uint8 pictures and labels that a recipe trains or is measured on."""
    book: PictureBook | Photographs
    if recipe.data == "picturebook":
        book = PictureBook(split, size=size or recipe.size, shortcut=recipe.shortcut or 0.0)
    else:
        book = Photographs(collection_of(recipe.data), split, size=size or recipe.size)
    return book.images(), book.labels


OWN_STEPS = 1_500  # of training on a person's own pictures


def own(path: str) -> dict[str, Recipe]:
    """The recipes for a person's own pictures: Imagenette's on a smaller network, for about OWN_STEPS steps."""
    collection = folder(path)
    count = len(Photographs(collection, "train", size=64))
    size, many = min(64, count // 4), len(collection.classes)
    common: dict[str, Any] = {"data": f"folder:{path}", "batch_size": size, "epochs": max(2, OWN_STEPS * size // count)}
    robust = replace(PHOTOGRAPHS, classes=many, precision="float32", widths=(16, 48, 96, 192), **common)
    judge = replace(PHOTO_JUDGE, classes=many + 1, precision="float32", widths=(24, 48, 96, 128), **common)
    recipes = {"robust": robust, "standard": replace(robust, radius=0.0), "judge": judge}
    return {f"{collection.name}-{role}": recipe for role, recipe in recipes.items()}
