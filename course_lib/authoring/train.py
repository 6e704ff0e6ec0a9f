"""Train the models of the course.

python -m course_lib train                      every model whose weights are missing or of another recipe
python -m course_lib train picturebook-robust   one of them; killed and started again, it continues
python -m course_lib train --status             which are there, which are begun and how far, which are missing
python -m course_lib train --data ~/pictures    models of your own pictures, a folder with one for each class
python -m course_lib train --data horse2zebra   models of two domains, whose pictures are fetched

accelerate launch -m course_lib train NAME                                  the same on all GPUs of this machine
accelerate launch --multi_gpu --num_processes 2 -m course_lib train NAME    two processes, on GPUs or a CPU
"""

import argparse
import platform
import shlex
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_lib import testbeds
from course_lib.authoring.provenance import provenance
from course_lib.datasets.collections import PAIRS
from course_lib.measuring.accuracy import accuracy, robust_hits
from course_lib.measuring.intervals import rounded, wilson
from course_lib.measuring.judging import at_once, judged
from course_lib.models import Classifier
from course_lib.one_line import OneLine
from course_lib.pixels import to_float
from course_lib.prepared import best_device, prepare
from course_lib.storage.files import default_cache
from course_lib.testbeds import Testbed, own
from course_lib.testbeds.weights import known, load_card, load_model, save_model
from course_lib.training.loop import Progress, train
from course_lib.training.processes import Alone, together
from course_lib.training.recipe import BALLS, Recipe

CHECKPOINTS = default_cache() / "training"  # outside the repository: they outlast it
SNAPSHOTS = 8  # along the live recipe's training, with its end
EVERY = 20  # steps between two reports


@dataclass(frozen=True, repr=False)
class Job(OneLine):
    """One network to train: its recipe, and the testbed that it belongs to, which says where its weights go."""

    name: str
    recipe: Recipe
    testbed: Testbed

    @property
    def checkpoint(self) -> Path:
        return CHECKPOINTS / f"{self.name}.pt"

    @property
    def done(self) -> bool:
        """Whether the weights of this name come from today's recipe."""
        try:
            return Recipe.from_card(load_card(self.name, folder=self.testbed.home)["recipe"]) == self.recipe
        except (FileNotFoundError, TypeError):
            return False

    @property
    def radius(self) -> float:
        """Where robustness is measured: the testbed's radius, at the size of this network's pictures."""
        return self.testbed.radius * self.recipe.size / self.testbed.resolution

    def pictures(self, split: str, *, size: int | None = None) -> tuple[Tensor, Tensor]:
        """The uint8 pictures and labels that the recipe trains or is measured on."""
        recipe = self.recipe
        drawn = {} if recipe.shortcut is None else {"shortcut": recipe.shortcut, "backgrounds": recipe.backgrounds}
        book: Any = self.testbed.pictures(split, size=size or recipe.size, **drawn)
        if not recipe.only:
            return book.images(), book.labels
        numbers = torch.tensor(recipe.only)
        members = torch.isin(book.labels, numbers).nonzero().squeeze(1)
        return book.images(members), (book.labels[members, None] == numbers).int().argmax(1)

    def measured(self, model: torch.nn.Module, *, count: int) -> dict[str, Any]:
        """Clean and robust accuracy on the first test pictures for the card, each as [share, low, high]."""
        images, labels = (tensor[:count].to(best_device()) for tensor in self.pictures("test"))
        model, pixels, radius, attack = prepare(model), to_float(images), self.radius, dict(self.testbed.attack)
        hits = robust_hits(model, pixels, labels, ball=BALLS["l2"](radius), batch_size=at_once(pixels), **attack)
        shares = {"clean": wilson(judged(model, pixels, labels)), "robust": wilson(hits)}
        return {"pictures": len(labels), **rounded(shares), "attack": {"norm": "l2", "radius": radius, **attack}}

    def save(self, model: Classifier, card: dict[str, Any], *, count: int) -> None:
        """Measure a model, write it with its card, and say what was measured."""
        card |= self.measured(model, count=count) | {"provenance": provenance(())}  # the card says which weights
        save_model(model, self.name, card, folder=self.testbed.home)
        print(f"{self.name}: clean {card['clean'][0]:.3f}, robust {card['robust'][0]:.3f}", flush=True)

    @property
    def status(self) -> str:
        """Whether the weights are there, or how far their training has come."""
        if self.done:
            return "there"
        if not self.checkpoint.exists():
            return "missing"
        state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        return f"begun: {state['step']} steps, {state['seconds'] / 60:.0f} minutes"


def jobs(data: str | None = None) -> tuple[dict[str, Job], dict[str, Job]]:
    """By name, the networks that ship and those trained on request; of a person's own pictures, where `data` says."""
    if data is not None:
        bed = testbeds.load(data)
        return {name: Job(name, recipe, bed) for name, recipe in own.recipes(data).items()}, {}
    beds = [load() for name, load in testbeds.TESTBEDS.items() if name not in {*PAIRS, *testbeds.PUBLISHED}]
    shipped = {name: Job(name, recipe, bed) for bed in beds for name, recipe in bed.recipes.items()}
    return shipped, {name: Job(name, recipe, bed) for bed in beds for name, recipe in bed.on_request.items()}


def run(job: Job, *, count: int = 500, processes: Alone | None = None) -> None:
    """Train one model, print where it stands, and write weights and card (for the live recipe, its snapshots too).

    Of several processes, all but the first only compute.
    """
    processes, began = processes or Alone(best_device().type), time.monotonic()
    recipe, name = job.recipe, job.name
    with processes.in_turn():
        images, labels = job.pictures("train", size=recipe.stored)
    drawing = time.monotonic() - began
    training = train(recipe, images, labels, checkpoint=job.checkpoint, every=EVERY, run=processes.run(recipe))
    if not processes.first:
        deque(training, maxlen=0)
        return
    epochs = Epochs(job, len(images) // recipe.batch_size)
    for progress in training:
        report(name, progress)
        epochs.look(progress)
        if name in job.testbed.watched and (number := snapshot(progress)) is not None:
            where = {"recipe": asdict(recipe), "step": progress.step, "steps": progress.steps}
            save_model(progress.model, f"{name}-{number:02d}", where, folder=job.testbed.home)
    machine = {"threads": torch.get_num_threads(), "machine": platform.machine()}
    card: dict[str, Any] = {
        "recipe": asdict(recipe),
        "steps": progress.steps,
        "minutes": round(progress.seconds / 60, 1),
        "minutes_drawing": round(drawing / 60, 1),
        "trained_on": {"device": processes.device, "processes": processes.count, **machine},
        "torch": torch.__version__.split("+")[0],
        "validation": epochs.history,
    }
    best = load_model(epochs.name, folder=CHECKPOINTS) if recipe.validation else progress.model
    job.save(best, card, count=count)


class Epochs:
    """Looks at validation pictures after each epoch and keeps the best weights, on disk: a killed run loses nothing.

    A robust recipe is judged by its accuracy under 20 steps of PGD at its training radius, which also shows the
    catastrophic overfitting of one-step training at once; a standard one by its clean accuracy.
    """

    def __init__(self, job: Job, steps: int) -> None:
        self.name, self.recipe, self.steps = f"{job.name}-best", job.recipe, steps
        self.history: list[dict[str, float]] = []
        if not job.recipe.validation:
            return
        images, labels = (tensor[: job.recipe.validation] for tensor in job.pictures("validation"))
        self.images, self.labels = to_float(images.to(best_device())), labels.to(best_device())
        if job.checkpoint.exists() and self.name in known(CHECKPOINTS):
            self.history = load_card(self.name, folder=CHECKPOINTS)["history"]

    def look(self, progress: Progress) -> None:
        """Measure at the end of an epoch, print, and keep the weights where they are the best so far.

        Not yet where pictures are still made smaller.
        """
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
            card = {"recipe": asdict(self.recipe), "history": self.history}
            save_model(progress.model, self.name, card, folder=CHECKPOINTS)


def score(epoch: dict[str, float]) -> float:
    return epoch.get("robust", epoch["clean"])


def snapshot(progress: Progress) -> int | None:
    """The number of the snapshot that is due at this report: number k at (k / 10)^2 of the steps, denser at first."""
    points = (progress.steps * (number / 10) ** 2 for number in range(1, SNAPSHOTS))
    due = (number for number, point in enumerate(points, 1) if progress.step - EVERY < point <= progress.step)
    return next(due, None)


def report(name: str, progress: Progress) -> None:
    """Print a line now and then."""
    if progress.step % 500 == 0 or progress.step == progress.steps:
        left = progress.seconds / progress.step * (progress.steps - progress.step)
        where = f"step {progress.step}/{progress.steps}, {progress.seconds / 60:.1f} min, {left / 60:.1f} left"
        print(f"{name}: {where}, loss {progress.loss:.3f}, accuracy {progress.accuracy:.3f}", flush=True)


def train_from(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m course_lib train", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", help="of networks; --status lists them")
    parser.add_argument("--status", action="store_true", help="train nothing; say which networks are there")
    parser.add_argument("--again", action="store_true", help="train even where the weights are there")
    parser.add_argument("--measure", action="store_true", help="train nothing; measure the weights that are there")
    parser.add_argument("--count", type=int, default=500, help="test pictures to measure on (default: %(default)s)")
    parser.add_argument("--data", help=f"train models of the pictures in this folder instead, or of {', '.join(PAIRS)}")
    chosen = parser.parse_args(arguments)
    data = chosen.data if chosen.data in (None, *PAIRS) else f"folder:{Path(chosen.data).expanduser().resolve()}"
    shipped, on_request = jobs(data)
    known_jobs = shipped | on_request
    if unknown := sorted(set(chosen.names) - set(known_jobs)):
        parser.error(f"expected names among {', '.join(known_jobs)}; got {', '.join(unknown)}")
    mine = [known_jobs[name] for name in chosen.names or (known_jobs if chosen.status else shipped)]
    if chosen.status:
        print("\n".join(f"{job.name:48} {job.status}" for job in mine))
        return
    with together() as processes:
        if data and processes.first and not chosen.measure and (chosen.again or not all(job.done for job in mine)):
            own.check(mine[0].testbed)
        for job in mine:
            work(job, chosen, processes)
    if data and processes.first:
        print(f"Choose them for every notebook with the environment variable TESTBED={shlex.quote(data)}")


def work(job: Job, chosen: argparse.Namespace, processes: Alone) -> None:
    """Train or measure one network, as the command says, or say that nothing is to be done."""
    if chosen.measure:
        card = load_card(job.name, folder=job.testbed.home)
        job.save(load_model(job.name, folder=job.testbed.home), card, count=chosen.count)
    elif processes.agree(chosen.again or not job.done):
        if chosen.again and processes.first:
            job.checkpoint.unlink(missing_ok=True)  # of a finished run: nothing would be left to train
        run(job, count=chosen.count, processes=processes)
    elif processes.first:
        print(f"{job.name}: nothing to do, {job.testbed.home / job.name}.safetensors is there")
