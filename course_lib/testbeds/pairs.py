"""Networks by name: a testbed's own, and those that know one pair of classes alone, as in the paper's translations."""

from collections.abc import Sequence
from dataclasses import replace

from course_lib.training.recipe import Recipe

Pair = tuple[int, int]
PairWeights = dict[Pair, dict[str, str]]
"""For each pair of classes: role -> the name of a network."""


def roles(name: str) -> dict[str, str]:
    """By role, the names of the networks that ship with a testbed: its two models and three judges."""
    parts = ("robust", "standard", "judge", "judge2", "judge3")
    names = ("robust", "standard", "judge", "second judge", "third judge")
    return {role: f"{name}-{part}" for role, part in zip(names, parts, strict=True)}


def pair_weights(name: str, classes: Sequence[str], pairs: Sequence[Pair]) -> PairWeights:
    """The names of such networks: picturebook-pair-horse-zebra-robust and the like."""
    words = {pair: "-".join(classes[label].replace(" ", "-") for label in pair) for pair in pairs}
    return {pair: {role: f"{name}-pair-{words[pair]}-{role}" for role in ("robust", "standard")} for pair in pairs}


def pair_recipes(weights: PairWeights, robust: Recipe) -> dict[str, Recipe]:
    """A robust and a standard recipe, by name, for each pair; they know these two classes alone."""
    return {
        names[role]: replace(robust, classes=2, only=pair, radius=radius)
        for pair, names in weights.items()
        for role, radius in (("robust", robust.radius), ("standard", 0.0))
    }
