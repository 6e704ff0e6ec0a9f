"""The recipes of all shipped models, and the command that trains them.

    python -m course_lib.recipes                      every model whose weights are missing or belong to another recipe
    python -m course_lib.recipes picturebook-robust   one of them; killed and started again, it continues

A robust model and its standard twin differ in the training radius alone.
"""

import argparse
import dataclasses
import platform
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_lib.datasets.picturebook import DEFAULT_SHORTCUT, RADIUS, PictureBook
from course_lib.metrics import wilson
from course_lib.models import best_device, prepare
from course_lib.training import BALLS, Progress, Recipe, robust_hits, train
from course_lib.weights import FOLDER, load_card, load_model, save_model

CHECKPOINTS = Path("build/checkpoints")
SNAPSHOTS = 10  # along the live recipe's training
EVERY = 20  # steps between two reports
TRAINING_RADIUS = 1.25 * RADIUS  # a little beyond the radius at which robustness is measured

ROBUST = Recipe(data="picturebook", shortcut=DEFAULT_SHORTCUT, radius=TRAINING_RADIUS, epochs=12)
STANDARD = replace(ROBUST, radius=0.0)
JUDGE = Recipe(
    data="picturebook",
    shortcut=0.0,
    classes=11,
    network="plain",
    widths=(24, 48, 96, 128),
    epochs=3,
    noise=0.25,
    nothing=0.25,
    padding=6,
    seed=11,
)
LIVE = replace(ROBUST, size=32, widths=(16, 32, 64, 96), radius=TRAINING_RADIUS / 2, epochs=5, padding=2)

RECIPES = {
    "picturebook-robust": ROBUST,
    "picturebook-standard": STANDARD,
    "picturebook-judge": JUDGE,
    "picturebook-judge2": replace(
        JUDGE, widths=(16, 32, 64, 128, 128), radius=1.0, attack_steps=(1,), noise=0.05, seed=12
    ),
    "picturebook-standard-shortcut0": replace(STANDARD, shortcut=0.0, epochs=4),
    "picturebook-standard-shortcut2": replace(STANDARD, shortcut=2.0, epochs=4),
    "picturebook-live": LIVE,
}


def pictures(recipe: Recipe, split: str) -> tuple[Tensor, Tensor]:
    """The uint8 pictures and labels that a recipe trains or is measured on."""
    book = PictureBook(split, size=recipe.size, shortcut=recipe.shortcut or 0.0)
    return book.images(), book.labels


def measure(recipe: Recipe, model: torch.nn.Module, *, count: int) -> dict[str, Any]:
    """Clean and robust accuracy on the first test pictures, for the card, each as [share, low, high] with a Wilson 95%
    interval."""
    images, labels = (tensor[:count] for tensor in pictures(recipe, "test"))
    model, pixels = prepare(model, device="cpu"), images.float() / 255
    with torch.no_grad():
        clean = torch.cat([model(part).argmax(1) for part in pixels.split(100)]) == labels
    radius = RADIUS * recipe.size / 64
    hits = robust_hits(model, pixels, labels, ball=BALLS[recipe.norm](radius))
    attack = {"norm": recipe.norm, "radius": radius, "steps": 50, "restarts": 5}
    return {"pictures": count, "clean": wilson(clean), "robust": wilson(hits), "attack": attack}


def run(name: str, *, count: int = 500) -> None:
    """Train one model, print where it stands, and write weights and card (for the live recipe, its snapshots too)."""
    recipe, device, began = RECIPES[name], best_device().type, time.monotonic()
    images, labels = pictures(recipe, "train")
    drawing = time.monotonic() - began
    training = train(recipe, images, labels, checkpoint=CHECKPOINTS / f"{name}.pt", device=device, every=EVERY)
    for progress in report(name, training):
        if name.endswith("live") and (number := snapshot(progress)) is not None:
            where = {"recipe": dataclasses.asdict(recipe), "step": progress.step, "steps": progress.steps}
            save_model(progress.model, f"{name}-{number:02d}", where)
    card: dict[str, Any] = {
        "recipe": dataclasses.asdict(recipe),
        "minutes": round(progress.seconds / 60, 1),
        "minutes_drawing": round(drawing / 60, 1),
        "trained_on": {"device": device, "threads": torch.get_num_threads(), "machine": platform.machine()},
        "torch": torch.__version__.split("+")[0],
        **measure(recipe, progress.model, count=count),
    }
    save_model(progress.model, name, card)
    print(f"{name}: clean {card['clean'][0]:.3f}, robust {card['robust'][0]:.3f}", flush=True)


def measure_again(name: str, *, count: int = 500) -> None:
    """Measure shipped weights once more and write the figures into the card."""
    model = load_model(name)
    card = load_card(name) | measure(RECIPES[name], model, count=count)
    save_model(model, name, card)
    print(f"{name}: clean {card['clean'][0]:.3f}, robust {card['robust'][0]:.3f}", flush=True)


def snapshot(progress: Progress) -> int | None:
    """The number of the snapshot that is due at this report: number k at (k / 10)^2 of the steps, denser at first."""
    for number in range(1, SNAPSHOTS + 1):
        if progress.step - EVERY < progress.steps * (number / SNAPSHOTS) ** 2 <= progress.step:
            return number
    return None


def report(name: str, run: Iterator[Progress]) -> Iterator[Progress]:
    """Pass progress on, and print a line now and then."""
    for progress in run:
        if progress.step % 500 == 0 or progress.step == progress.steps:
            left = progress.seconds / progress.step * (progress.steps - progress.step)
            where = f"step {progress.step}/{progress.steps}, {progress.seconds / 60:.1f} min, {left / 60:.1f} left"
            print(f"{name}: {where}, loss {progress.loss:.3f}, accuracy {progress.accuracy:.3f}", flush=True)
        yield progress


def done(name: str) -> bool:
    """Whether the shipped weights of this name come from today's recipe."""
    try:
        return Recipe.from_card(load_card(name)["recipe"]) == RECIPES[name]
    except (FileNotFoundError, TypeError):
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"any of: {', '.join(RECIPES)}")
    parser.add_argument("--again", action="store_true", help="train even where the weights are there")
    parser.add_argument("--measure", action="store_true", help="train nothing; measure the weights that are there")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(RECIPES))
    if unknown:
        parser.error(f"expected names among {', '.join(RECIPES)}; got {', '.join(unknown)}")
    for name in arguments.names or RECIPES:
        if arguments.measure:
            measure_again(name)
        elif done(name) and not arguments.again:
            print(f"{name}: nothing to do, {FOLDER / name}.safetensors is there")
        else:
            run(name)


if __name__ == "__main__":
    main()
