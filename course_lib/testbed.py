"""A testbed: data, a robust and a standard model, independent judges, seeds, and settings tuned for each task."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from course_lib.constraints import L2Ball
from course_lib.datasets.photographs import Photographs
from course_lib.datasets.picturebook import PictureBook
from course_lib.files import DATA
from course_lib.models import Classifier, prepare
from course_lib.seeds import Mixture, MultivariateNormal, PixelNormal, Seeds, Uniform
from course_lib.statistics import load_statistics
from course_lib.weights import FOLDER, load_model

SEED_KINDS = ("uniform", "normal", "multivariate", "mixture")
TUNED = DATA / "tuned"
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
