"""A testbed: data, a robust and a standard model, independent judges, seeds, and settings tuned for each task."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.constraints import L2Ball
from course_lib.datasets.photographs import Photographs
from course_lib.datasets.picturebook import PictureBook
from course_lib.models import Classifier
from course_lib.prepare import prepare
from course_lib.seeds import Mixture, MultivariateNormal, OnDemand, PixelNormal, Seeds, Uniform, Upsampled
from course_lib.statistics import load_statistics
from course_lib.storage.files import DATA
from course_lib.weights import FOLDER, known, load_model

SEED_KINDS = ("uniform", "normal", "multivariate", "mixture")
TUNED = DATA / "tuned"
FIT = 2_000  # training pictures that seed distributions are fitted on
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Testbed:
    """Everything a notebook needs, by name; models and pictures are loaded when first used.

    Robust and standard model differ in the training radius alone (0 for the standard one). The judges have another
    architecture and other seeds and are never used by the synthesis. `radius` is where robustness is measured: L2, in
    pixel units, at this resolution. `settings` names the file of tuned settings. Photographs come with shipped
    `statistics` of their classes, so seeds need no pictures; or with `seed_pictures`, training pictures that are some
    times smaller, on which seeds are drawn and then upsampled; with `seeds_of_each`, on so many of a class alone, when
    that is first asked for. `pairs` are classes to translate between; `pair_weights` names networks that know one pair
    alone, for both roles.

    `weights` are files that ship, or what `load` takes. `others` is what judges, or networks that know more classes,
    may answer beyond `classes`; `one_way` are translations to one of those, (class, place in `answers`).
    """

    name: str
    classes: Sequence[str]
    resolution: int
    radius: float
    pictures: Callable[[str], PictureBook | Photographs]
    weights: dict[str, str]
    settings: str
    pairs: Sequence[tuple[int, int]] = ()
    pair_weights: Mapping[tuple[int, int], Mapping[str, str]] = field(default_factory=dict)
    statistics: str | None = None
    home: Path = FOLDER
    load: Callable[[str], Classifier] | None = None
    others: Sequence[str] = ("nothing",)
    one_way: Sequence[tuple[int, int]] = ()
    seed_pictures: Callable[[], Photographs] | None = None
    seeds_of_each: int | None = None

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
        return self._model("robust")

    @cached_property
    def standard(self) -> Classifier:
        return self._model("standard")

    @property
    def answers(self) -> list[str]:
        """What the judges may answer: a class, or that the picture shows nothing, or one of the other classes."""
        return [*self.classes, *self.others]

    @property
    def translations(self) -> list[tuple[int, int]]:
        """Every (source, target) to translate: the pairs both ways, then those that go one way."""
        return [*(way for pair in self.pairs for way in (pair, pair[::-1])), *self.one_way]

    @property
    def models(self) -> dict[str, Classifier]:
        """The two models that every demo compares, by name."""
        return {"robust": self.robust, "standard": self.standard}

    @cached_property
    def pair_models(self) -> dict[tuple[int, int], dict[str, Classifier]]:
        """The same two, trained on one pair of classes alone, for each of `pair_weights` whose files are there; else
        {}. Label 0 is the pair's first class, label 1 its second: `testbed.pair_models[2, 3]["robust"]`."""
        there = set(known(self.home))
        return {
            pair: {
                role: prepare(load_model(name, folder=self.home), precision=precision()) for role, name in names.items()
            }
            for pair, names in self.pair_weights.items()
            if there.issuperset(names.values())
        }

    @cached_property
    def judge(self) -> nn.Module:
        return self._model("judge")

    @cached_property
    def judges(self) -> dict[str, nn.Module]:
        """Every judge by name; the first one is `judge`."""
        judges: dict[str, nn.Module] = {"judge": self.judge}
        if "second judge" in self.weights:
            judges["second judge"] = self._model("second judge")
        return judges

    def _model(self, role: str) -> Classifier:
        load = self.load or partial(load_model, folder=self.home)
        return prepare(load(self.weights[role]), precision=torch.float32 if "judge" in role else precision())

    @cached_property
    def tuned(self) -> dict[str, dict[str, Any]]:
        """Keywords for each task function, found on validation pictures by `make tune`, or published ones."""
        settings = json.loads((TUNED / f"{self.settings}.json").read_text())
        settings.pop("source", None)  # a sentence on where published ones are from
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
            return load_statistics(self.statistics, resolution=self.resolution)
        book = self.seed_pictures() if self.seed_pictures else self.train
        fits: dict[str, Callable[[Tensor, Tensor], Seeds]] = {
            "normal": PixelNormal.fit,
            "multivariate": MultivariateNormal,
            "mixture": Mixture,
        }
        if self.seeds_of_each:
            size = book.size
            seeds: Seeds = OnDemand(len(self.classes), self._pictures_of(book), fits[kind])
        else:
            count = len(book.labels) if self.seed_pictures else min(FIT, len(book.labels))
            images, labels = book.images(range(count)), book.labels[:count]
            size, seeds = images.shape[-1], fits[kind](images, labels)
        return {kind: seeds if size == self.resolution else Upsampled(seeds, self.resolution // size)}

    def _pictures_of(self, book: PictureBook | Photographs) -> Callable[[int], Tensor]:
        """A function that gives the first `seeds_of_each` pictures of a class."""

        @cache
        def pictures(label: int) -> Tensor:
            return book.images((book.labels == label).nonzero().squeeze(1)[: self.seeds_of_each])

        return pictures

    def batch(self, split: str, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        """Pictures in [0, 1] and labels at these indices of "train", "validation" or "test"."""
        dataset = getattr(self, split)
        return dataset.images(indices).float().div_(255), dataset.labels[indices]

    def first(self, split: str, count: int) -> tuple[Tensor, Tensor]:
        """The first `count` of these pictures, as `batch` gives them; all, where a person's own folder has fewer."""
        return self.batch(split, range(min(count, len(getattr(self, split)))))


def precision() -> torch.dtype:
    """What robust and standard models compute in: float32, or what the environment variable PRECISION names."""
    name = os.environ.get("PRECISION", "float32")
    if name not in PRECISIONS:
        raise ValueError(f"expected a PRECISION among {', '.join(PRECISIONS)}, got {name!r}")
    return PRECISIONS[name]


def keywords(values: dict[str, Any]) -> dict[str, Any]:
    """Settings as JSON holds them -> keywords of a task function: a radius becomes an L2 ball."""
    return {
        ("ball" if key == "radius" else key): (L2Ball(value) if key == "radius" else value)
        for key, value in values.items()
    }
