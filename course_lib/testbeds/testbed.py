"""A testbed: data, a robust and a standard model, independent judges, seeds, and settings tuned for each task."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.constraints import L2Ball
from course_lib.models import Classifier
from course_lib.one_line import OneLine
from course_lib.pixels import to_float
from course_lib.prepared import has_bfloat16, prepare
from course_lib.seeds import KINDS, Seeds, Upsampled
from course_lib.storage.files import DATA, say_once, unquoted
from course_lib.testbeds.seeding import Pictures, Seeding
from course_lib.testbeds.weights import FOLDER, known, load_model
from course_lib.training.recipe import Recipe

TUNED = DATA / "tuned"
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, repr=False)
class Testbed(OneLine):
    """Everything a notebook needs, by name; models and pictures are loaded when first used.

    Robust and standard model differ in the training radius alone (0 for the standard one). The judges have another
    architecture and other random seeds and are never used by the synthesis.
    """

    name: str
    classes: Sequence[str]
    resolution: int  # pixels of a side
    radius: float  # where robustness is measured: L2, pixel units, at this resolution
    pictures: Callable[..., Pictures]  # (split, size=pixels) -> "train", "validation" or "test"
    weights: Mapping[str, str]  # role -> the name of its network, as `load` takes it
    settings: str  # the name of the file with tuned settings
    load: Callable[[str], Classifier] | None = None  # None: files in `home`
    home: Path = FOLDER  # of weight files
    seeding: Seeding = field(default_factory=Seeding)  # where seed distributions come from
    others: Sequence[str] = ("nothing",)  # what judges and networks may answer beyond `classes`
    pairs: Sequence[tuple[int, int]] = ()  # classes to translate between
    one_way: Sequence[tuple[int, int]] = ()  # translations to one of the others: (class, place in `answers`)
    pair_weights: Mapping[tuple[int, int], Mapping[str, str]] = field(default_factory=dict)  # of networks of one pair
    recipes: Mapping[str, Recipe] = field(default_factory=dict)  # by name: the networks that ship
    on_request: Mapping[str, Recipe] = field(default_factory=dict)  # by name: further ones, for figures and comparisons
    watched: Sequence[str] = ()  # networks of which snapshots along their training are kept
    attack: Mapping[str, int] = field(default_factory=lambda: {"steps": 50, "restarts": 1})  # which measures robustness
    _seeds: dict[str, Seeds] = field(default_factory=dict, init=False)  # fitted already

    @cached_property
    def train(self) -> Pictures:
        return self.pictures("train", size=self.resolution)

    @cached_property
    def validation(self) -> Pictures:
        return self.pictures("validation", size=self.resolution)

    @cached_property
    def test(self) -> Pictures:
        return self.pictures("test", size=self.resolution)

    @cached_property
    def robust(self) -> Classifier:
        return self._model("robust")

    @cached_property
    def standard(self) -> Classifier:
        return self._model("standard")

    @property
    def models(self) -> dict[str, Classifier]:
        """The two models that every demo compares, by name."""
        return {"robust": self.robust, "standard": self.standard}

    @cached_property
    def judge(self) -> nn.Module:
        return self._model("judge", torch.float32)

    @cached_property
    def judges(self) -> dict[str, nn.Module]:
        """Every judge by name; the first one is `judge`."""
        others = [role for role in self.weights if role not in ("robust", "standard", "judge")]
        return {"judge": self.judge} | {role: self._model(role, torch.float32) for role in others}

    @cached_property
    def pair_models(self) -> dict[tuple[int, int], dict[str, Classifier]]:
        """Both models trained on one pair of classes alone, for each of `pair_weights` whose files are there.

        Label 0 is the pair's first class, label 1 its second: `testbed.pair_models[2, 3]["robust"]`.
        """
        there = set(known(self.home))
        return {
            pair: {
                role: prepare(load_model(name, folder=self.home), precision=precision()) for role, name in names.items()
            }
            for pair, names in self.pair_weights.items()
            if there.issuperset(names.values())
        }

    def _model(self, role: str, kind: torch.dtype | None = None) -> Classifier:
        load = self.load or partial(load_model, folder=self.home)
        return prepare(load(self.weights[role]), precision=kind or precision())

    @property
    def answers(self) -> list[str]:
        """What the judges may answer: a class, or that the picture shows nothing, or one of the other classes."""
        return [*self.classes, *self.others]

    @property
    def translations(self) -> list[tuple[int, int]]:
        """Every (source, target) to translate: the pairs both ways, then those that go one way."""
        return [*(way for pair in self.pairs for way in (pair, pair[::-1])), *self.one_way]

    @cached_property
    def tuned(self) -> dict[str, dict[str, Any]]:
        """Keywords for each task function, found on validation pictures by `make tune`, or published ones."""
        settings = json.loads((TUNED / f"{self.settings}.json").read_bytes())
        sources = ("source", "provenance")  # of published ones, and of those found here
        return {task: keywords(values) for task, values in settings.items() if task not in sources}

    def seeds(self, kind: str, *, blocks: bool = False) -> Seeds:
        """The seed distribution of one of `seeds.KINDS`, fitted once or read from shipped statistics.

        Where seeds are smaller than the pictures they are enlarged smoothly, or with `blocks` as in both papers.
        """
        if kind not in KINDS:
            raise ValueError(f"expected a seed kind among {', '.join(KINDS)}, got {kind!r}")
        if kind not in self._seeds:
            self._seeds[kind] = self.seeding.fitted(
                kind, pictures=self.pictures, classes=len(self.classes), resolution=self.resolution
            )
        seeds = self._seeds[kind]
        return replace(seeds, blocks=True) if blocks and isinstance(seeds, Upsampled) else seeds

    def batch(self, split: str, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        """Pictures in [0, 1] and labels at these indices of "train", "validation" or "test"."""
        dataset = getattr(self, split)
        return to_float(dataset.images(indices)), dataset.labels[indices]

    def first(self, split: str, count: int) -> tuple[Tensor, Tensor]:
        """The first `count` of these pictures, as `batch` gives them; all, where a person's own folder has fewer."""
        return self.batch(split, range(min(count, len(getattr(self, split)))))


def task_of(kind: str) -> str:
    """The name of the settings that generation from this kind of seeds takes."""
    return "generate from noise" if KINDS[kind].noise else "generate"


def precision() -> torch.dtype:
    """What robust and standard models compute in: float32, or what the environment variable PRECISION names.

    A machine to which bfloat16 is foreign would take 4 to 7 times as long in it: it computes in float32.
    """
    name = unquoted(os.environ.get("PRECISION", "")) or "float32"
    if name not in PRECISIONS:
        raise ValueError(f"expected a PRECISION among {', '.join(PRECISIONS)}, got {name!r}")
    if name == "bfloat16" and not has_bfloat16():
        say_once("This machine would be slower in bfloat16: the models compute in float32.")
        name = "float32"
    return PRECISIONS[name]


def keywords(values: dict[str, Any]) -> dict[str, Any]:
    """Settings as JSON holds them -> keywords of a task function: a radius becomes an L2 ball."""
    return {
        ("ball" if key == "radius" else key): (L2Ball(value) if key == "radius" else value)
        for key, value in values.items()
    }
