"""Standard and adversarial training (Santurkar et al. 2019, eq. 1 and 2).

Equation 1 minimises E[L(x, y)], equation 2 minimises E[max over delta of L(x + delta, y)]. The two differ in one number
here: with a radius of 0 the inner maximum is over the picture alone.

Every random choice of step k comes from a generator seeded with (random seed, k), so a run that was killed and resumed
from its checkpoint ends in the same weights as one that was not. `processes` spreads a run over GPUs or machines.
"""

import io
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.constraints import Ball
from course_lib.models import Classifier
from course_lib.one_line import OneLine
from course_lib.pgd import solve
from course_lib.prepared import has_bfloat16
from course_lib.storage.files import replaced
from course_lib.tasks import attack
from course_lib.training.augmentation import batch, seeded
from course_lib.training.recipe import Recipe

SAVE_EVERY = 60.0  # seconds between two checkpoints
MOMENTUM = 0.9  # as Madry et al. train
PARTS = ("model", "averaged", "optimiser")  # of a run, in a checkpoint


@dataclass(frozen=True, repr=False)
class Progress(OneLine):
    """Where a training run stands. `model` is the averaged network so far, in evaluation mode: copy it to keep it."""

    step: int
    steps: int
    loss: float  # mean since the last report, on the (attacked) training pictures; so is the accuracy
    accuracy: float
    seconds: float
    model: Classifier


class Run(OneLine):
    """The state of one training run: network, its running average, optimiser, and the number of steps done."""

    def __init__(self, recipe: Recipe, device: str = "cpu") -> None:
        self.recipe, self.device, self.step, self.seconds = recipe, device, 0, 0.0
        self.model = recipe.build().to(device).to(memory_format=torch.channels_last)
        self.averaged = recipe.build().to(device).to(memory_format=torch.channels_last).eval()
        self.optimiser = torch.optim.SGD(
            self.model.parameters(), lr=0.0, momentum=MOMENTUM, weight_decay=recipe.weight_decay, nesterov=True
        )
        self.connected: torch.nn.Module = self.model  # what is trained: where processes share it, a wrapped one

    def advance(self, images: Tensor, labels: Tensor, steps: int) -> Tensor:
        """One step on one batch: attack, then descend. Returns (loss, accuracy) on this process's share of it."""
        recipe, progress = self.recipe, self.step / steps
        images, labels = images.to(self.device), labels.to(self.device)
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.learning_rate(progress)
        half = (self.device == "cuda" or recipe.precision == "bfloat16") and has_bfloat16(self.device)
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=half):
            if recipe.radius > 0 and not recipe.linear:
                images = self.attacked(images, labels, recipe.ball(progress), recipe.inner_steps(progress))
            else:
                (images,) = self.share(images)
            (labels,) = self.share(labels)
            images.requires_grad_(recipe.linear)
            logits = self.connected.train()(images).float()
            loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
        if recipe.linear:
            loss = loss + recipe.ball(progress).radius * slopes(loss * len(images), images).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.step += 1
        self.average()
        return torch.stack([loss.detach().float(), (logits.argmax(1) == labels).float().mean()]).cpu()

    def attacked(self, images: Tensor, labels: Tensor, ball: Ball, steps: int) -> Tensor:
        """The inner maximum of eq. 2, approximately: a few PGD steps from a random start, with batch norm at rest.

        A single step goes 1.25 radii, as one-step training needs to cross the ball from a random start (Wong et al.
        2020); several go 2 radii together. Noise is drawn for the whole batch; what comes back is this process's share.
        """
        self.model.eval()
        noise = ball.sample(images, generator=seeded(self.recipe.seed, self.step, stream=1, device=self.device))
        start, images, labels = self.share((images + noise).clamp(0, 1), images, labels)
        travel = 1.25 if steps == 1 else 2.0
        problem = attack(self.model, images, labels, ball=ball, steps=steps, travel=travel)
        return solve(replace(problem, start=start))

    @torch.no_grad()
    def average(self) -> None:
        """Move the running average of the weights (and batch-norm statistics) a little towards the network."""
        share = 1 - min(self.recipe.averaging, self.step / (self.step + 10))
        for kept, new in zip(self.averaged.state_dict().values(), self.model.state_dict().values(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(new, share)
            else:
                kept.copy_(new)

    def share(self, *wholes: Tensor) -> tuple[Tensor, ...]:
        """The rows of a batch that are this process's to compute: all of them."""
        return wholes

    def mean(self, values: Tensor) -> Tensor:
        """The mean over all processes."""
        return values

    def save(self, path: Path) -> None:
        """Write a checkpoint so that a kill at any moment leaves either the old one or the new one."""
        state = {"recipe": asdict(self.recipe), "step": self.step, "seconds": self.seconds}
        with replaced(path) as temporary:
            torch.save(state | {name: getattr(self, name).state_dict() for name in PARTS}, temporary)

    def content(self, path: Path) -> bytes | None:
        """What a checkpoint holds: None where there is none, no bytes where it is no file."""
        return path.read_bytes() if path.is_file() else b"" if path.exists() else None

    def restore(self, path: Path) -> None:
        """Continue from a checkpoint, if any; ValueError where it belongs to another recipe or cannot be read."""
        if (content := self.content(path)) is None:
            return
        try:
            state = torch.load(io.BytesIO(content), map_location=self.device, weights_only=True)
            recipe = Recipe.from_card(state["recipe"])
        except Exception as error:
            kind = type(error).__name__  # the message itself can be a page long
            raise ValueError(f"expected a training checkpoint in {path}, got something unreadable ({kind})") from error
        if recipe != self.recipe:
            mine = asdict(self.recipe)
            other = {name: value for name, value in asdict(recipe).items() if value != mine[name]}
            wanted = {name: mine[name] for name in other}
            raise ValueError(f"expected a checkpoint of a recipe with {wanted} in {path}, got {other}; move it away")
        self.step, self.seconds = state["step"], state["seconds"]
        for name in PARTS:
            getattr(self, name).load_state_dict(state[name])


def slopes(loss: Tensor, images: Tensor) -> Tensor:
    """The L2 norm of the gradient of a batch's summed loss by each picture, (B,), itself differentiable.

    Times a small radius it is what the inner maximum of eq. 2 adds to the loss (Taylor's formula). Batch norm is in
    training: at rest it lets the scale of the weights shrink instead of the slope.
    """
    (gradient,) = torch.autograd.grad(loss, images, create_graph=True)
    return gradient.flatten(1).square().sum(1).add(1e-12).sqrt()  # at 0 a root has no slope


def train(
    recipe: Recipe,
    images: Tensor,
    labels: Tensor,
    *,
    checkpoint: Path | None = None,
    every: int = 50,
    run: Run | None = None,
) -> Iterator[Progress]:
    """Train on uint8 images (N, 3, H, W) and labels (N,).

    Yields a `Progress` every `every` steps, after each epoch and at the end. With a `checkpoint` path, the run saves
    itself there about once a minute and goes on from there. `run`: on another device, or shared by processes.
    """
    per_epoch = len(images) // recipe.batch_size
    steps = recipe.epochs * per_epoch
    if steps < 1:
        wanted = f"at least one batch of {recipe.batch_size} pictures and one epoch"
        raise ValueError(f"expected {wanted}, got {len(images)} pictures")
    run = run or Run(recipe)
    if run.device == "cuda" and images.nbytes < torch.cuda.mem_get_info()[0] / 2:
        images, labels = images.to(run.device), labels.to(run.device)
    if checkpoint is not None:
        run.restore(checkpoint)
    started, saved = time.monotonic() - run.seconds, time.monotonic()
    totals, count = torch.zeros(2), 0
    if run.step == steps:  # the checkpoint of a finished run
        yield Progress(steps, steps, math.nan, math.nan, run.seconds, run.averaged)
    while run.step < steps:
        totals += run.advance(*batch(recipe, images, labels, step=run.step), steps)
        count += 1
        run.seconds = time.monotonic() - started
        last = run.step == steps
        if checkpoint is not None and (last or time.monotonic() - saved > SAVE_EVERY):
            run.save(checkpoint)
            saved = time.monotonic()
        if last or run.step % every == 0 or run.step % per_epoch == 0:
            loss, accuracy = run.mean(totals / count).tolist()
            yield Progress(run.step, steps, loss, accuracy, run.seconds, run.averaged)
            totals, count = torch.zeros(2), 0
