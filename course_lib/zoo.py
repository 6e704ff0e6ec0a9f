"""Testbeds by name: data, a robust and a standard model, an independent judge, seeds, and settings tuned for each task.

testbed = zoo.load("picturebook")
seeds = testbed.seeds("multivariate").sample(labels, generator=generator)
images = solve(generate(testbed.robust, seeds, labels, **testbed.tuned["generate"]))
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from course_lib.constraints import L2Ball
from course_lib.datasets.photographs import CIFAR10, IMAGENETTE, Collection, Photographs, folder
from course_lib.datasets.picturebook import CLASSES, DEFAULT_SHORTCUT, RADIUS, PictureBook
from course_lib.files import DATA, default_cache
from course_lib.models import Classifier, prepare
from course_lib.seeds import Mixture, MultivariateNormal, PixelNormal, Seeds, Uniform
from course_lib.statistics import load_statistics
from course_lib.weights import FOLDER, load_model

SEED_KINDS = ("uniform", "normal", "multivariate", "mixture")
TUNED = DATA / "tuned"
ROLES = ("robust", "standard", "judge")
FIT = 2_000  # training pictures that seed distributions are fitted on


@dataclass(frozen=True)
class Testbed:
    """Everything a notebook needs, by name; models and pictures are loaded when first used.

    Robust and standard model differ in the training radius alone (0 for the standard one). The judges have another
    architecture and other seeds and are never used by the synthesis. `radius` is where robustness is measured: L2, in
    pixel units, at this resolution. `settings` names the file of tuned settings. Photographs come with shipped
    `statistics` of their classes, so seeds need no pictures.
    """

    name: str
    classes: Sequence[str]
    resolution: int
    radius: float
    pictures: Callable[[str], PictureBook | Photographs]
    weights: dict[str, str]
    settings: str
    pairs: Sequence[tuple[int, int]] = ()
    statistics: str | None = None
    home: Path = FOLDER

    @cached_property
    def train(self) -> PictureBook | Photographs:
        return self.pictures("train")

    @cached_property
    def validation(self) -> PictureBook | Photographs:
        return self.pictures("validation")

    @cached_property
    def test(self) -> PictureBook | Photographs:
        return self.pictures("test")

    @cached_property
    def robust(self) -> Classifier:
        return prepare(load_model(self.weights["robust"], folder=self.home))

    @cached_property
    def standard(self) -> Classifier:
        return prepare(load_model(self.weights["standard"], folder=self.home))

    @property
    def answers(self) -> list[str]:
        """What the judges may answer: a class, or that the picture shows nothing."""
        return [*self.classes, "nothing"]

    @property
    def models(self) -> dict[str, Classifier]:
        """The two models that every demo compares, by name."""
        return {"robust": self.robust, "standard": self.standard}

    @cached_property
    def judge(self) -> nn.Module:
        return prepare(load_model(self.weights["judge"], folder=self.home))

    @cached_property
    def judges(self) -> dict[str, nn.Module]:
        """Every judge by name; the first one is `judge`."""
        judges: dict[str, nn.Module] = {"judge": self.judge}
        if "second judge" in self.weights:
            judges["second judge"] = prepare(load_model(self.weights["second judge"], folder=self.home))
        return judges

    @cached_property
    def tuned(self) -> dict[str, dict[str, Any]]:
        """Keywords for each task function, found on validation pictures by `make tune`."""
        settings = json.loads((TUNED / f"{self.settings}.json").read_text())
        return {task: keywords(values) for task, values in settings.items()}

    def seeds(self, kind: str) -> Seeds:
        """A seed distribution: "uniform", "normal" (per pixel), "multivariate" or "mixture"; fitted on training
        pictures, once, or read from shipped statistics of them."""
        if kind not in SEED_KINDS:
            raise ValueError(f"expected a seed kind among {', '.join(SEED_KINDS)}, got {kind!r}")
        if kind not in self._seeds:
            self._seeds.update(self._fit(kind))
        return self._seeds[kind]

    @cached_property
    def _seeds(self) -> dict[str, Seeds]:
        return {"uniform": Uniform((3, self.resolution, self.resolution))}

    def _fit(self, kind: str) -> dict[str, Seeds]:
        """This kind, and others that come with it."""
        if self.statistics is not None:
            return load_statistics(self.statistics)
        count = min(FIT, len(self.train.labels))
        images, labels = self.train.images(range(count)), self.train.labels[:count]
        fits: dict[str, Callable[[Tensor, Tensor], Seeds]] = {
            "normal": PixelNormal.fit,
            "multivariate": MultivariateNormal,
            "mixture": Mixture,
        }
        return {kind: fits[kind](images, labels)}

    def batch(self, split: str, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        """Pictures in [0, 1] and labels at these indices of "train", "validation" or "test"."""
        dataset = getattr(self, split)
        return dataset.images(indices).float().div_(255), dataset.labels[indices]


def keywords(values: dict[str, Any]) -> dict[str, Any]:
    """Settings as JSON holds them -> keywords of a task function: a radius becomes an L2 ball."""
    return {
        ("ball" if key == "radius" else key): (L2Ball(value) if key == "radius" else value)
        for key, value in values.items()
    }


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
    "cifar10": partial(photographs, CIFAR10, resolution=32, radius=0.5, pairs=((3, 5), (4, 7), (1, 9))),
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
