"""Pictures whose models are trained here by `make train DATA=...`: a person's own ("folder:PATH"), or two domains."""

import json
import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from course_lib.datasets.collections import collection_of
from course_lib.datasets.photographs import SPLITS, Photographs, read_all
from course_lib.storage.files import default_cache, say_once, write
from course_lib.testbeds import imagenette
from course_lib.testbeds.testbed import Testbed
from course_lib.training.recipe import Recipe

STEPS = 1_500  # of training, about
ROLES = ("robust", "standard", "judge")


def load(data: str) -> Testbed:
    """Models of two classes are those of the pair, too. Says it where models were trained on other pictures there."""
    collection, home = collection_of(data), default_cache() / "weights"
    if (known := trained_on(f"folder:{collection.home}", home)) and f"{collection.name}-robust" not in known:
        place = shlex.quote(str(collection.home))
        say_once(
            f"The pictures in {place} changed after models were trained on them: make train DATA={place} trains again."
        )
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
        home=home,
        pairs=((0, 1),),
        pair_weights={(0, 1): {role: weights[role] for role in ROLES[:2]}} if two else {},
    )


def trained_on(data: str, home: Path) -> set[str]:
    """The robust models whose pictures were there."""
    cards = {path.stem: path.read_text() for path in home.glob("folder-*-robust.json")}
    return {name for name, card in cards.items() if json.loads(card)["recipe"]["data"] == data}


def check(bed: Testbed) -> None:
    """ValueError where a picture cannot be read or a split is empty; OSError where what is trained cannot be kept."""
    books: dict[str, Any] = {split: bed.pictures(split, size=bed.resolution) for split in SPLITS}
    read_all([file for book in books.values() for file in book.files], 8)
    if min(map(len, books.values())) == 0 or len(set(books["train"].labels.tolist())) < len(bed.classes):
        counts = {split: len(book) for split, book in books.items()}
        raise ValueError(f"expected different pictures to train on, for validation and for the test, got {counts}")
    write(bed.home / "writable", b"")
    print(f"{', '.join(bed.classes)}: {', '.join(f'{len(book):,} for {split}' for split, book in books.items())}")


def recipes(data: str) -> dict[str, Recipe]:
    """Imagenette's recipes on a smaller network, for about `STEPS` steps."""
    collection = collection_of(data)
    count = len(Photographs(collection, "train", size=64))
    size, many = min(64, count // 4), len(collection.classes)
    common: dict[str, Any] = {
        "data": data if collection.home is None else f"folder:{collection.home}",
        "precision": "float32",
        "batch_size": size,
        "epochs": max(2, STEPS * size // count),
    }
    robust = replace(imagenette.PHOTOGRAPHS, classes=many, widths=(16, 48, 96, 192), **common)
    judge = replace(imagenette.JUDGE, classes=many + 1, widths=(24, 48, 96, 128), **common)
    return dict(
        zip((f"{collection.name}-{role}" for role in ROLES), (robust, replace(robust, radius=0.0), judge), strict=True)
    )
