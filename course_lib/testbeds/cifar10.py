"""CIFAR-10 at 32 pixels: ten classes of small photographs. Models and class statistics ship, pictures are fetched."""

from dataclasses import replace

from course_lib.datasets.collections import CIFAR10
from course_lib.testbeds import imagenette
from course_lib.testbeds.testbed import Testbed

RADIUS = 0.5  # where robustness is measured, and the training radius: L2, pixel units, at 32 x 32

ROBUST = replace(  # pictures are many, and too small for random crops
    imagenette.ROBUST,
    data="cifar10",
    size=32,
    halvings=(False, True, True, True),
    radius=RADIUS,
    epochs=20,
    batch_size=128,
    peak_rate=0.2,
    padding=4,
    crop=1.0,
    colour=0.0,
)
JUDGE = replace(
    ROBUST,
    classes=11,
    network="plain",
    halvings=None,
    widths=(48, 96, 192, 256),
    radius=RADIUS / 2,
    attack_steps=(1,),
    epochs=12,
    noise=0.05,
    nothing=0.15,
    seed=12,
)
RECIPES = {
    "cifar10-robust": ROBUST,
    "cifar10-standard": replace(ROBUST, radius=0.0),
    "cifar10-judge": JUDGE,
    "cifar10-judge2": replace(JUDGE, radius=0.0, attack_steps=(1, 1, 2), noise=0.1, seed=11),
}


def load() -> Testbed:
    return imagenette.shipped(CIFAR10, ((3, 5), (4, 7), (1, 9)), RECIPES, attack={"steps": 100, "restarts": 1}, on_request=imagenette.CIFAR)
