"""Testbeds by name: data, a robust and a standard model, an independent judge, seeds, and settings tuned for each task.

testbed = zoo.load("picturebook")
seeds = testbed.seeds("multivariate").sample(labels, generator=generator)
images = solve(generate(testbed.robust, seeds, labels, **testbed.tuned["generate"]))
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from course_lib.constraints import L2Ball
from course_lib.datasets.picturebook import CLASSES, DEFAULT_SHORTCUT, RADIUS, PictureBook
from course_lib.models import Classifier, prepare
from course_lib.seeds import Mixture, MultivariateNormal, PixelNormal, Seeds, Uniform
from course_lib.weights import load_model

SEED_KINDS = ("uniform", "normal", "multivariate", "mixture")
TUNED = Path(__file__).resolve().parent.parent / "data" / "tuned"
FIT = 2_000  # training pictures that seed distributions are fitted on


@dataclass(frozen=True)
class Testbed:
    """Everything a notebook needs, by name; models and pictures are loaded when first used.

    Robust and standard model differ in the training radius alone (0 for the standard one). The judges have another
    architecture and other seeds and are never used by the synthesis. `radius` is where robustness is measured: L2, in
    pixel units, at this resolution.
    """

    name: str
    classes: Sequence[str]
    resolution: int
    radius: float
    pictures: Callable[[str], PictureBook]
    weights: dict[str, str]
    pairs: Sequence[tuple[int, int]] = ()
    _seeds: dict[str, Seeds] = field(default_factory=dict)

    @cached_property
    def train(self) -> PictureBook:
        return self.pictures("train")

    @cached_property
    def validation(self) -> PictureBook:
        return self.pictures("validation")

    @cached_property
    def test(self) -> PictureBook:
        return self.pictures("test")

    @cached_property
    def robust(self) -> Classifier:
        return prepare(load_model(self.weights["robust"]))

    @cached_property
    def standard(self) -> Classifier:
        return prepare(load_model(self.weights["standard"]))

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
        return prepare(load_model(self.weights["judge"]))

    @cached_property
    def second_judge(self) -> nn.Module:
        return prepare(load_model(self.weights["second_judge"]))

    @cached_property
    def tuned(self) -> dict[str, dict[str, Any]]:
        """Keywords for each task function, found on validation pictures by `python -m course_lib.quality tune`."""
        return {
            task: keywords(values) for task, values in json.loads((TUNED / f"{self.name}.json").read_text()).items()
        }

    def seeds(self, kind: str) -> Seeds:
        """A seed distribution: "uniform", "normal" (per pixel), "multivariate" or "mixture"; fitted on training
        pictures, once."""
        if kind not in SEED_KINDS:
            raise ValueError(f"expected a seed kind among {', '.join(SEED_KINDS)}, got {kind!r}")
        if kind not in self._seeds:
            self._seeds[kind] = self._fit(kind)
        return self._seeds[kind]

    def _fit(self, kind: str) -> Seeds:
        if kind == "uniform":
            return Uniform((3, self.resolution, self.resolution))
        images, labels = self.train.images(range(FIT)), self.train.labels[:FIT]
        return {"normal": PixelNormal, "multivariate": MultivariateNormal, "mixture": Mixture}[kind](images, labels)

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
            "second_judge": "picturebook-judge2",
        },
        pairs=((0, 1), (2, 3), (4, 5)),
    )


TESTBEDS = {"picturebook": picturebook}


def load(name: str | None = None, **options: Any) -> Testbed:
    """The testbed of this name; without one, the one that the environment variable TESTBED names, else PictureBook."""
    name = name or os.environ.get("TESTBED", "picturebook")
    if name not in TESTBEDS:
        raise ValueError(f"expected a testbed among {', '.join(TESTBEDS)}, got {name!r}")
    return TESTBEDS[name](**options)
