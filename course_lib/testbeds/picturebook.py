"""PictureBook at 64 pixels: pictures drawn by code, among them the paper's three pairs."""

from dataclasses import replace
from functools import partial

from course_lib.datasets.picturebook import CLASSES, DEFAULT_SHORTCUT, PictureBook
from course_lib.testbeds.pairs import pair_recipes, pair_weights, roles
from course_lib.testbeds.testbed import Testbed
from course_lib.training.recipe import Recipe

NAME, PAIRS = "picturebook", ((0, 1), (2, 3), (4, 5))
RADIUS = 4.0  # where robustness is measured: L2, pixel units, at 64 x 64
TRAINING_RADIUS = 1.25 * RADIUS

ROBUST = Recipe(
    data=NAME,
    shortcut=DEFAULT_SHORTCUT,
    radius=TRAINING_RADIUS,
    attack_steps=(2, 2, 3),
    epochs=12,
    precision="bfloat16",
)
STANDARD = replace(ROBUST, radius=0.0)
JUDGE = Recipe(
    data=NAME,
    shortcut=0.0,
    classes=11,
    network="plain",
    widths=(16, 32, 64, 128, 128),
    radius=1.0,
    attack_steps=(1,),
    epochs=3,
    noise=0.05,
    nothing=0.25,
    padding=6,
    seed=12,
)
LIVE = Recipe(
    data=NAME,
    shortcut=DEFAULT_SHORTCUT,
    size=32,
    widths=(16, 32, 64, 96),
    radius=TRAINING_RADIUS / 2,
    epochs=5,
    padding=2,
)
PAIR = replace(  # two classes are so easy to tell apart that the radius has to be larger
    ROBUST, classes=2, only=(0, 1), widths=(16, 32, 64, 64), radius=2 * RADIUS
)
PAIR_WEIGHTS = pair_weights(NAME, CLASSES, PAIRS)
RECIPES = {
    "picturebook-robust": ROBUST,
    "picturebook-standard": STANDARD,
    "picturebook-judge": JUDGE,
    "picturebook-judge2": replace(
        JUDGE, widths=(24, 48, 96, 128), radius=0.0, attack_steps=(1, 1, 2), noise=0.25, seed=11
    ),
    "picturebook-judge3": replace(  # of another architecture, and never used to choose settings
        JUDGE, network="mixer", widths=(64,) * 3, radius=0.0, epochs=2, batch_size=128, peak_rate=0.1, seed=13
    ),
    "picturebook-standard-shortcut0": replace(STANDARD, shortcut=0.0),
    "picturebook-standard-shortcut2": replace(STANDARD, shortcut=2.0),
    "picturebook-live": LIVE,
    "picturebook-standard-live": replace(LIVE, radius=0.0),
    **pair_recipes(PAIR_WEIGHTS, PAIR),
    "picturebook-pair-apple-orange-robust": replace(PAIR, only=(2, 3), radius=TRAINING_RADIUS),  # more is too hard
    "picturebook-pair-horse-zebra-biased": replace(PAIR, backgrounds=(0, 2)),  # horses on grass, zebras in snow
    "picturebook-pair-horse-zebra-radius5": replace(PAIR, radius=TRAINING_RADIUS),
    "picturebook-pair-horse-zebra-linf": replace(PAIR, norm="linf", radius=0.05),  # footnote 5; corners at 5.5 in L2
}
ON_REQUEST = {  # how much three trainings at each of six radii differ
    f"picturebook-radius-{factor * LIVE.radius:g}-seed-{seed}": replace(LIVE, radius=factor * LIVE.radius, seed=seed)
    for seed in range(3)
    for factor in (0.0, 0.25, 0.5, 1.0, 2.5, 5.0)
}


def load(*, shortcut: float = DEFAULT_SHORTCUT) -> Testbed:
    """At `shortcut=0` nothing is planted, and the standard model is one trained without it."""
    plain = {} if shortcut else {"standard": "picturebook-standard-shortcut0"}
    return Testbed(
        name=NAME,
        classes=CLASSES,
        resolution=64,
        radius=RADIUS,
        pictures=partial(PictureBook, shortcut=shortcut),
        weights=roles(NAME) | plain,
        settings=NAME,
        pairs=PAIRS,
        pair_weights=PAIR_WEIGHTS if shortcut else {},
        recipes=RECIPES,
        on_request=ON_REQUEST,
        watched=("picturebook-live", "picturebook-standard-live"),
        attack={"steps": 50, "restarts": 5},
    )
