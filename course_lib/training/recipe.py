"""What decides a training run: data, network, perturbation set, schedule, augmentation, seed."""

from dataclasses import dataclass
from typing import Any

import torch

from course_lib.constraints import Ball, L2Ball, LinfBall
from course_lib.models import Classifier, plain_network, residual_network

BALLS: dict[str, type[L2Ball] | type[LinfBall]] = {"l2": L2Ball, "linf": LinfBall}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run; the same recipe on the same machine gives the same weights.

    `attack_steps` lists the PGD steps of the inner maximum, one entry for each equal part of the training: (1, 2) means
    one step in the first half and two in the second. `shrinks` lists in the same way by what factor pictures, and the
    radius with them, are made smaller: (2, 1) trains on pictures of half the side first, for a quarter of the time.
    `crop` is the smallest share of a picture that a random crop keeps (1: no crops), `colour` the largest change of
    brightness, contrast and saturation, `noise` the largest standard deviation of Gaussian noise; `nothing` is the
    share of pictures that are scrambled and get the last class, "nothing". `validation` pictures are looked at after
    each epoch, and the weights of the best epoch are kept (0: the last weights are). `halvings` says which blocks halve
    the resolution (None: all). `only` are the classes of the data that are trained on, and their order becomes the
    labels 0, 1, ... (empty: all); `backgrounds` is PictureBook's.
    """

    data: str
    size: int = 64
    shortcut: float | None = None
    classes: int = 10
    network: str = "residual"
    widths: tuple[int, ...] = (16, 48, 96, 192)
    halvings: tuple[bool, ...] | None = None
    radius: float = 0.0
    norm: str = "l2"
    attack_steps: tuple[int, ...] = (1, 1, 2)
    shrinks: tuple[int, ...] = (1,)
    radius_warmup: float = 0.3
    epochs: int = 20
    batch_size: int = 64
    peak_rate: float = 0.15
    weight_decay: float = 5e-4
    label_smoothing: float = 0.05
    averaging: float = 0.999
    precision: str = "float32"
    padding: int = 4
    flips: bool = True
    crop: float = 1.0
    colour: float = 0.0
    noise: float = 0.0
    nothing: float = 0.0
    validation: int = 0
    seed: int = 0
    only: tuple[int, ...] = ()
    backgrounds: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.only and self.classes != len(self.only) + (self.nothing > 0):
            raise ValueError(f"expected one class for each of {list(self.only)}, got {self.classes} classes")

    def build(self) -> Classifier:
        """The network, freshly initialised from the seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            if self.network == "plain":
                return plain_network(self.widths, self.classes)
            return residual_network(self.widths, self.classes, halvings=self.halvings)

    @classmethod
    def from_card(cls, values: dict[str, Any]) -> "Recipe":
        """The recipe that a JSON card tells: lists become tuples again."""
        plain: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
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
