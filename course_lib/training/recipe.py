"""What decides a training run: data, network, perturbation set, schedule, augmentation, random seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from course_lib.constraints import Ball, L2Ball, LinfBall
from course_lib.models import Classifier, build
from course_lib.one_line import OneLine

BALLS: dict[str, type[L2Ball] | type[LinfBall]] = {"l2": L2Ball, "linf": LinfBall}


@dataclass(frozen=True, repr=False)
class Recipe(OneLine):
    """Everything that decides a training run; the same recipe on the same machine gives the same weights."""

    data: str  # the name of a data set, as testbeds call it
    size: int = 64  # pixels of a side
    shortcut: float | None = None  # PictureBook's planted non-robust feature: L2 distance at 64 pixels
    classes: int = 10  # answers of the network
    network: str = "residual"  # or "plain" or "mixer"
    widths: tuple[int, ...] = (16, 48, 96, 192)  # channels of each block
    halvings: tuple[bool, ...] | None = None  # which blocks halve the resolution; None: all
    radius: float = 0.0  # of the training attack, in pixel units at `size`; 0: no attack
    norm: str = "l2"  # or "linf"
    linear: bool = False  # no attack, but what the loss gains within the radius if it is linear: radius times slope
    attack_steps: tuple[int, ...] = (1, 1, 2)  # PGD steps of the attack in each equal part of the training
    shrinks: tuple[int, ...] = (1,)  # by what factor pictures, and an L2 radius, are smaller in each equal part
    radius_warmup: float = 0.3  # share of the training over which the radius grows
    epochs: int = 20
    batch_size: int = 64
    peak_rate: float = 0.15  # learning rate at its highest
    weight_decay: float = 5e-4
    label_smoothing: float = 0.05
    averaging: float = 0.999  # decay of the running average of the weights, for each step
    precision: str = "float32"  # or "bfloat16"
    padding: int = 4  # pixels of random shifts, with mirrored borders
    flips: bool = True  # left and right exchanged at random
    crop: float = 1.0  # the smallest share of a picture that a random crop keeps; 1: no crops
    colour: float = 0.0  # the largest change of brightness, contrast and saturation, as a share
    noise: float = 0.0  # the largest standard deviation of Gaussian noise, in pixel units
    nothing: float = 0.0  # share of pictures that are scrambled and get the last class, "nothing"
    validation: int = 0  # pictures looked at after each epoch; the best epoch's weights are kept (0: the last)
    seed: int = 0  # of all random numbers
    only: tuple[int, ...] = ()  # the classes trained on, in the order of their new labels 0, 1, ...; empty: all
    backgrounds: tuple[int, ...] = ()  # PictureBook's, for each class

    def __post_init__(self) -> None:
        if self.only and self.classes != len(self.only) + (self.nothing > 0):
            raise ValueError(f"expected one class for each of {list(self.only)}, got {self.classes} classes")
        if self.norm not in BALLS:
            raise ValueError(f"expected a norm among {', '.join(BALLS)}, got {self.norm!r}")
        if self.linear and (self.radius <= 0 or self.norm != "l2"):
            raise ValueError(f"expected an L2 radius above 0 for a linear maximum, got {self.norm} {self.radius:g}")

    def build(self) -> Classifier:
        return build(self.network, self.widths, self.classes, halvings=self.halvings, seed=self.seed)

    @classmethod
    def from_card(cls, values: Mapping[str, Any]) -> "Recipe":
        """The recipe that a JSON card tells: lists become tuples again."""
        plain: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in values.items()}
        return cls(**plain)

    @property
    def stored(self) -> int:
        """The size in pixels at which training pictures are kept: random crops are cut from larger ones."""
        return self.size if self.crop == 1 else self.size * 3 // 2

    def ball(self, progress: float) -> Ball:
        """The perturbation set after a share `progress` of the training: its radius grows linearly at first.

        The L2 norm of block means is that of the pictures over the side of a block.
        """
        warm = min(1.0, progress / self.radius_warmup if self.radius_warmup else 1.0)
        return BALLS[self.norm](self.radius * warm / (self.shrink(progress) if self.norm == "l2" else 1))

    def inner_steps(self, progress: float) -> int:
        """The PGD steps of the inner maximum at this point of the training."""
        return at(progress, self.attack_steps)

    def shrink(self, progress: float) -> int:
        """The factor by which pictures are made smaller at this point of the training."""
        return at(progress, self.shrinks)

    def learning_rate(self, progress: float) -> float:
        """Up linearly over the first fifth of the training, then down linearly to 0."""
        return self.peak_rate * min(progress / 0.2, (1 - progress) / 0.8)


def at(progress: float, values: tuple[int, ...]) -> int:
    """Which of `values` holds after a share `progress` of the training; each holds for an equal part of it."""
    return values[min(int(progress * len(values)), len(values) - 1)]
