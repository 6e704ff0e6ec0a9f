"""Standard and adversarial training (Santurkar et al. 2019, eq. 1 and 2).

Equation 1 minimises E[L(x, y)], equation 2 minimises E[max over delta of L(x + delta, y)]. The two differ in one number
here: with a radius of 0 the inner maximum is over the picture alone.

Every random choice of step k comes from a generator seeded with (seed, k), so a run that was killed and resumed from
its checkpoint ends in the same weights as one that was not. `processes` spreads a run over GPUs or machines: each one
takes its share of every batch, and the numbers stay the same up to rounding.
"""

import importlib
import io
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.constraints import Ball
from course_lib.models import Classifier
from course_lib.pgd import Problem, solve
from course_lib.training.augmentation import batch, seeded
from course_lib.training.processes import ALONE, Alone
from course_lib.training.recipe import Recipe

SAVE_EVERY = 60.0  # seconds between two checkpoints


@dataclass(frozen=True)
class Progress:
    """Where a training run stands. `model` is the averaged network so far, in evaluation mode: copy it to keep it."""

    step: int
    steps: int
    loss: float
    accuracy: float
    seconds: float
    model: Classifier


def train(
    recipe: Recipe,
    images: Tensor,
    labels: Tensor,
    *,
    checkpoint: Path | None = None,
    device: str = "cpu",
    every: int = 50,
    processes: Alone = ALONE,
) -> Iterator[Progress]:
    """Train on uint8 images (N, 3, H, W) and labels (N,); yields a `Progress` every `every` steps, after each epoch and
    after the last step.

    `loss` and `accuracy` are means since the last report, on the (attacked) training pictures. With a `checkpoint`
    path, the run saves itself there about once a minute and continues from there when started again. Of several
    processes, only the first one's checkpoint counts.
    """
    run = Run(recipe, device, processes)
    if checkpoint is not None and processes.agree(checkpoint.exists()):
        run.restore(checkpoint)
    per_epoch = len(images) // recipe.batch_size
    steps, started, saved = recipe.epochs * per_epoch, time.monotonic() - run.seconds, time.monotonic()
    if steps < 1:
        raise ValueError(
            f"expected at least one batch of {recipe.batch_size} pictures and one epoch, got {len(images)} pictures"
        )
    totals, count = torch.zeros(2), 0
    if run.step == steps:  # the checkpoint of a finished run
        yield Progress(steps, steps, math.nan, math.nan, run.seconds, run.averaged)
    while run.step < steps:
        totals, count = totals + run.advance(*batch(recipe, images, labels, step=run.step), steps), count + 1
        run.seconds = time.monotonic() - started
        last = run.step == steps
        if checkpoint is not None and processes.first and (last or time.monotonic() - saved > SAVE_EVERY):
            run.save(checkpoint)
            saved = time.monotonic()
        if last or run.step % every == 0 or run.step % per_epoch == 0:
            loss, accuracy = processes.mean(totals / count).tolist()
            yield Progress(run.step, steps, loss, accuracy, run.seconds, run.averaged)
            totals, count = torch.zeros(2), 0


class Run:
    """The state of one training run: network, its running average, optimiser, and the number of steps done."""

    def __init__(self, recipe: Recipe, device: str, processes: Alone = ALONE) -> None:
        self.recipe, self.device, self.step, self.seconds = recipe, device, 0, 0.0
        self.processes = processes
        self.model = recipe.build().to(device).to(memory_format=torch.channels_last)
        self.averaged = recipe.build().to(device).to(memory_format=torch.channels_last).eval()
        self.optimiser = torch.optim.SGD(
            self.model.parameters(), lr=0.0, momentum=0.9, weight_decay=recipe.weight_decay, nesterov=True
        )
        self.connected = processes.connect(self.model)

    def advance(self, images: Tensor, labels: Tensor, steps: int) -> Tensor:
        """One step on one batch: attack, then descend. Returns (loss, accuracy) on this process's share of it."""
        recipe, progress = self.recipe, self.step / steps
        images, labels = images.to(self.device), labels.to(self.device)
        generator = seeded(recipe.seed, self.step, stream=1)
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.learning_rate(progress)
        half = self.device == "cuda" or recipe.precision == "bfloat16"
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=half):
            if recipe.radius > 0:
                images = self.attack(images, labels, recipe.ball(progress), recipe.inner_steps(progress), generator)
            else:
                (images,) = self.processes.share(images)
            (labels,) = self.processes.share(labels)
            logits = self.connected.train()(images).float()
            loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.step += 1
        self.average()
        return torch.stack([loss.detach().float(), (logits.argmax(1) == labels).float().mean()]).cpu()

    def attack(self, images: Tensor, labels: Tensor, ball: Ball, steps: int, generator: torch.Generator) -> Tensor:
        """The inner maximum of eq. 2, approximately: a few PGD steps from a random start, with batch norm at rest.

        Noise is drawn for the whole batch; what comes back is this process's share.
        """
        self.model.eval()
        start = (images + ball.sample(images, generator=generator)).clamp(0, 1)
        start, images, labels = self.processes.share(start, images, labels)
        step_size = ball.radius * (1.25 if steps == 1 else 2.0 / steps)

        def objective(x: Tensor) -> Tensor:
            return -F.cross_entropy(self.model(x).float(), labels, reduction="none")

        return solve(Problem(objective, start, ball, centre=images, steps=steps, step_size=step_size))

    @torch.no_grad()
    def average(self) -> None:
        """Move the running average of the weights (and batch-norm statistics) a little towards the network."""
        share = 1 - min(self.recipe.averaging, self.step / (self.step + 10))
        for kept, new in zip(self.averaged.state_dict().values(), self.model.state_dict().values(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(new, share)
            else:
                kept.copy_(new)

    def save(self, path: Path) -> None:
        """Write a checkpoint so that a kill at any moment leaves either the old one or the new one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        state = {"recipe": repr(self.recipe), "step": self.step, "seconds": self.seconds}
        state |= {name: getattr(self, name).state_dict() for name in ("model", "averaged", "optimiser")}
        torch.save(state, temporary)
        os.replace(temporary, path)

    def restore(self, path: Path) -> None:
        """Continue from a checkpoint; ValueError where it belongs to another recipe or cannot be read."""
        try:
            state = torch.load(io.BytesIO(self.processes.read(path)), map_location=self.device, weights_only=True)
            recipe = state["recipe"]
        except Exception as error:
            kind = type(error).__name__  # the message itself can be a page long
            raise ValueError(f"expected a training checkpoint in {path}, got something unreadable ({kind})") from error
        if recipe != repr(self.recipe):
            raise ValueError(f"expected a checkpoint of {self.recipe} in {path}, got one of {recipe}; move it away")
        self.step, self.seconds = state["step"], state["seconds"]
        for name in ("model", "averaged", "optimiser"):
            getattr(self, name).load_state_dict(state[name])


if __name__ == "__main__":  # the program is course_lib.trainer; it answers to this name, too
    importlib.import_module("course_lib.trainer").main()
