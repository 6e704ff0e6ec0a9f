"""Train the models of the course.

python -m course_lib.trainer                      every model whose weights are missing or of another recipe
python -m course_lib.trainer picturebook-robust   one of them; killed and started again, it continues
python -m course_lib.trainer --data ~/pictures    models of your own pictures, a folder with one for each class
python -m course_lib.trainer --data horse2zebra   models of two domains, whose pictures are fetched

accelerate launch -m course_lib.trainer picturebook-robust    the same on all GPUs of this machine
accelerate launch --multi_gpu --num_processes 2 -m course_lib.trainer picturebook-robust    two processes, GPU or CPU
"""

import argparse
import dataclasses
import platform
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from course_lib.datasets.cyclegan import PAIRS
from course_lib.measuring.accuracy import accuracy, robust_hits
from course_lib.measuring.intervals import wilson
from course_lib.measuring.judging import judged
from course_lib.models import Classifier
from course_lib.prepare import best_device, prepare
from course_lib.recipes import ATTACKS, ON_REQUEST, RECIPES, own, pictures
from course_lib.storage.files import default_cache
from course_lib.training.loop import Progress, train
from course_lib.training.processes import Alone, together
from course_lib.training.recipe import BALLS, Recipe
from course_lib.weights import FOLDER, known, load_card, load_model, save_model
from course_lib.zoo import own_weights

CHECKPOINTS = default_cache() / "training"  # outside the repository: they outlast it
SNAPSHOTS = 10  # along the live recipe's training, with its end
EVERY = 20  # steps between two reports


def measure(recipe: Recipe, model: torch.nn.Module, *, count: int) -> dict[str, Any]:
    """Clean and robust accuracy on the first test pictures, for the card, each as [share, low, high] with a Wilson 95%
    interval."""
    images, labels = (tensor[:count] for tensor in pictures(recipe, "test"))
    model, pixels = prepare(model, device="cpu"), images.float() / 255
    attack = dict(ATTACKS.get(recipe.data, ATTACKS["imagenette"]))
    attack["radius"] *= recipe.size / attack.pop("size")
    ball = BALLS[attack["norm"]](attack["radius"])
    hits = robust_hits(model, pixels, labels, ball=ball, steps=attack["steps"], restarts=attack["restarts"])
    return {
        "pictures": len(labels),
        "clean": wilson(judged(model, pixels, labels)),
        "robust": wilson(hits),
        "attack": attack,
    }


def run(name: str, recipe: Recipe, *, count: int = 500, home: Path = FOLDER, processes: Alone | None = None) -> None:
    """Train one model, print where it stands, and write weights and card (for the live recipe, its snapshots too).

    Of several processes, all but the first only compute.
    """
    processes, began = processes or Alone(best_device().type), time.monotonic()
    with processes.in_turn():
        images, labels = pictures(recipe, "train", size=recipe.stored)
    drawing, checkpoint = time.monotonic() - began, CHECKPOINTS / f"{name}.pt"
    how: dict[str, Any] = {"device": processes.device, "every": EVERY, "processes": processes}
    training = train(recipe, images, labels, checkpoint=checkpoint, **how)
    if not processes.first:
        deque(training, maxlen=0)
        return
    epochs = Epochs(name, recipe, len(images) // recipe.batch_size)
    for progress in report(name, training):
        epochs.look(progress)
        if name.endswith("live") and (number := snapshot(progress)) is not None:
            where = {"recipe": dataclasses.asdict(recipe), "step": progress.step, "steps": progress.steps}
            save_model(progress.model, f"{name}-{number:02d}", where)
    model = epochs.best() or progress.model
    card: dict[str, Any] = {
        "recipe": dataclasses.asdict(recipe),
        "steps": progress.steps,
        "minutes": round(progress.seconds / 60, 1),
        "minutes_drawing": round(drawing / 60, 1),
        "trained_on": {
            "device": processes.device,
            "processes": processes.count,
            "threads": torch.get_num_threads(),
            "machine": platform.machine(),
        },
        "torch": torch.__version__.split("+")[0],
        "validation": epochs.history,
        **measure(recipe, model, count=count),
    }
    save_model(model, name, card, folder=home)
    print(f"{name}: clean {card['clean'][0]:.3f}, robust {card['robust'][0]:.3f}", flush=True)


class Epochs:
    """Looks at validation pictures after each epoch and keeps the best weights, on disk: a killed run loses nothing.

    A robust recipe is judged by its accuracy under 20 steps of PGD at its training radius, which also shows the
    catastrophic overfitting of one-step training at once; a standard one by its clean accuracy.
    """

    def __init__(self, name: str, recipe: Recipe, steps: int) -> None:
        self.name, self.recipe, self.steps = f"{name}-best", recipe, steps
        self.history: list[dict[str, float]] = []
        if not recipe.validation:
            return
        images, labels = (tensor[: recipe.validation] for tensor in pictures(recipe, "validation"))
        self.images, self.labels = images.to(best_device()).float() / 255, labels.to(best_device())
        if (CHECKPOINTS / f"{name}.pt").exists() and self.name in known(CHECKPOINTS):
            self.history = load_card(self.name, folder=CHECKPOINTS)["history"]

    def look(self, progress: Progress) -> None:
        """Measure at the end of an epoch, print, and keep the weights where they are the best so far; not yet where
        pictures are still made smaller."""
        shrunk = self.recipe.shrink(progress.step / progress.steps) > 1
        if not self.recipe.validation or progress.step % self.steps or shrunk:
            return
        model = prepare(progress.model)
        clean = accuracy(model, self.images, self.labels)
        epoch = {"epoch": progress.step // self.steps, "clean": round(clean, 4)}
        if self.recipe.radius:
            ball = BALLS[self.recipe.norm](self.recipe.radius)
            hits = robust_hits(model, self.images, self.labels, ball=ball, steps=20, restarts=1)
            epoch["robust"] = round(hits.float().mean().item(), 4)
        print(f"{self.name.removesuffix('-best')}: {epoch}", flush=True)
        self.history.append(epoch)
        if score(epoch) >= max(map(score, self.history)):
            card = {"recipe": dataclasses.asdict(self.recipe), "history": self.history}
            save_model(progress.model, self.name, card, folder=CHECKPOINTS)

    def best(self) -> Classifier | None:
        """The model of the best epoch; None where none was looked at."""
        return load_model(self.name, folder=CHECKPOINTS) if self.recipe.validation else None


def score(epoch: dict[str, float]) -> float:
    return epoch.get("robust", epoch["clean"])


def measure_again(name: str, recipe: Recipe, *, count: int, home: Path) -> None:
    """Measure weights that are there once more and write the figures into their card."""
    model = load_model(name, folder=home)
    card = load_card(name, folder=home) | measure(recipe, model, count=count)
    save_model(model, name, card, folder=home)
    print(f"{name}: clean {card['clean'][0]:.3f}, robust {card['robust'][0]:.3f}", flush=True)


def snapshot(progress: Progress) -> int | None:
    """The number of the snapshot that is due at this report: number k at (k / 10)^2 of the steps, denser at first. The
    end is the model itself."""
    for number in range(1, SNAPSHOTS):
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


def done(name: str, recipe: Recipe, *, home: Path = FOLDER) -> bool:
    """Whether the weights of this name come from today's recipe."""
    try:
        return Recipe.from_card(load_card(name, folder=home)["recipe"]) == recipe
    except (FileNotFoundError, TypeError):
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"any of: {', '.join(RECIPES | ON_REQUEST)}")
    parser.add_argument("--again", action="store_true", help="train even where the weights are there")
    parser.add_argument("--measure", action="store_true", help="train nothing; measure the weights that are there")
    parser.add_argument("--count", type=int, default=500, help="test pictures to measure on (default: %(default)s)")
    parser.add_argument("--data", help=f"train models of the pictures in this folder instead, or of {', '.join(PAIRS)}")
    arguments = parser.parse_args()
    recipes, home = RECIPES | ON_REQUEST, FOLDER
    data = arguments.data if arguments.data in PAIRS else f"folder:{arguments.data}"
    if arguments.data:
        recipes, home = own(data), own_weights()
    unknown = sorted(set(arguments.names) - set(recipes))
    if unknown:
        parser.error(f"expected names among {', '.join(recipes)}; got {', '.join(unknown)}")
    names = arguments.names or [name for name in recipes if name not in ON_REQUEST]
    with together() as processes:
        for name in names:
            if arguments.measure:
                measure_again(name, recipes[name], count=arguments.count, home=home)
            elif processes.agree(arguments.again or not done(name, recipes[name], home=home)):
                run(name, recipes[name], count=arguments.count, home=home, processes=processes)
            elif processes.first:
                print(f"{name}: nothing to do, {home / name}.safetensors is there")
    if arguments.data and processes.first:
        print(f"Choose them for every notebook with the environment variable TESTBED={data}")


if __name__ == "__main__":
    main()
