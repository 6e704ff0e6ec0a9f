"""CIFAR-10 at 32 pixels: ten classes of small photographs. Models and class statistics ship, pictures are fetched."""

from dataclasses import replace
from typing import Any

from course_lib.datasets.collections import CIFAR10
from course_lib.testbeds import imagenette
from course_lib.testbeds.testbed import Testbed

RADIUS = 0.5  # where robustness is measured, and the training radius: L2, pixel units, at 32 x 32

# Too small for random crops.
SMALL: dict[str, Any] = {"data": "cifar10", "size": 32, "padding": 4, "crop": 1.0, "colour": 0.0}
ROBUST = replace(
    imagenette.ROBUST,
    **SMALL,
    widths=(32, 64, 160, 320),
    halvings=(False, True, True, True),
    radius=RADIUS,
    epochs=36,
    batch_size=256,
    peak_rate=0.3,
)
JUDGE = replace(
    imagenette.JUDGE, **SMALL, widths=(48, 96, 192, 256), radius=RADIUS / 2, epochs=12, batch_size=128, peak_rate=0.2
)
RECIPES = {
    "cifar10-robust": ROBUST,
    "cifar10-standard": replace(ROBUST, radius=0.0),
    "cifar10-judge": JUDGE,
    "cifar10-judge2": replace(JUDGE, radius=0.0, attack_steps=(1, 1, 2), noise=0.1, seed=11),
    "cifar10-judge3": replace(imagenette.THIRD, **SMALL | {"padding": 0}, halvings=(True,), epochs=20, batch_size=256),
}
ON_REQUEST = {"cifar10-weak": replace(ROBUST, widths=(16, 32, 64, 96), halvings=None, radius=3 * RADIUS, epochs=2)}


def load() -> Testbed:
    attack = {"steps": 100, "restarts": 1}
    return imagenette.shipped(CIFAR10, ((3, 5), (4, 7), (1, 9)), RECIPES, on_request=ON_REQUEST, attack=attack)
