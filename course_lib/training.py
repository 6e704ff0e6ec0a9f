"""Standard and adversarial training (Santurkar et al. 2019, eq. 1 and 2), and honest robust accuracy.

Equation 1 minimises E[L(x, y)], equation 2 minimises E[max over delta of L(x + delta, y)]. The two differ in one number
here: with a radius of 0 the inner maximum is over the picture alone.

Every random choice of step k comes from a generator seeded with (seed, k), so a run that was killed and resumed from
its checkpoint ends in the same weights as one that was not.
"""

import contextlib
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.constraints import Ball, L2Ball, LinfBall
from course_lib.models import Classifier, plain_network, residual_network
from course_lib.pgd import Problem, solve

NETWORKS = {"residual": residual_network, "plain": plain_network}
BALLS: dict[str, type[L2Ball] | type[LinfBall]] = {"l2": L2Ball, "linf": LinfBall}
SAVE_EVERY = 60.0  # seconds between two checkpoints


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run; the same recipe on the same machine gives the same weights.

    `attack_steps` lists the PGD steps of the inner maximum, one entry for each equal part of the training: (1, 2) means
    one step in the first half and two in the second. `noise` is the largest standard deviation of Gaussian noise added
    to a picture; `nothing` is the share of pictures that are scrambled and get the last class, "nothing".
    """

    data: str
    size: int = 64
    shortcut: float | None = None
    classes: int = 10
    network: str = "residual"
    widths: tuple[int, ...] = (16, 48, 96, 192)
    radius: float = 0.0
    norm: str = "l2"
    attack_steps: tuple[int, ...] = (1, 1, 2)
    radius_warmup: float = 0.3
    epochs: int = 20
    batch_size: int = 64
    peak_rate: float = 0.15
    weight_decay: float = 5e-4
    label_smoothing: float = 0.05
    averaging: float = 0.999
    padding: int = 4
    flips: bool = True
    noise: float = 0.0
    nothing: float = 0.0
    seed: int = 0

    def build(self) -> Classifier:
        """The network, freshly initialised from the seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return NETWORKS[self.network](self.widths, self.classes)

    @classmethod
    def from_card(cls, values: dict[str, Any]) -> "Recipe":
        """The recipe that a JSON card tells: lists become tuples again."""
        plain: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**plain)

    def ball(self, progress: float) -> Ball:
        """The perturbation set after a share `progress` of the training: its radius grows linearly at first."""
        return BALLS[self.norm](self.radius * min(1.0, progress / self.radius_warmup if self.radius_warmup else 1.0))

    def learning_rate(self, progress: float) -> float:
        """Up linearly over the first fifth of the training, then down linearly to 0."""
        return self.peak_rate * min(progress / 0.2, (1 - progress) / 0.8)


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
) -> Iterator[Progress]:
    """Train on uint8 images (N, 3, H, W) and labels (N,); yields a `Progress` every `every` steps and after the last
    one.

    `loss` and `accuracy` are means since the last report, on the (attacked) training pictures. With a `checkpoint`
    path, the run saves itself there about once a minute and continues from there when started again.
    """
    run = Run(recipe, device)
    if checkpoint is not None and checkpoint.exists():
        run.restore(checkpoint)
    steps, started, saved = (
        recipe.epochs * (len(images) // recipe.batch_size),
        time.monotonic() - run.seconds,
        time.monotonic(),
    )
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
        if checkpoint is not None and (last or time.monotonic() - saved > SAVE_EVERY):
            run.save(checkpoint)
            saved = time.monotonic()
        if last or run.step % every == 0:
            loss, accuracy = (totals / count).tolist()
            yield Progress(run.step, steps, loss, accuracy, run.seconds, run.averaged)
            totals, count = torch.zeros(2), 0


class Run:
    """The state of one training run: network, its running average, optimiser, and the number of steps done."""

    def __init__(self, recipe: Recipe, device: str) -> None:
        self.recipe, self.device, self.step, self.seconds = recipe, device, 0, 0.0
        self.model = recipe.build().to(device).to(memory_format=torch.channels_last)
        self.averaged = recipe.build().to(device).to(memory_format=torch.channels_last).eval()
        self.optimiser = torch.optim.SGD(
            self.model.parameters(), lr=0.0, momentum=0.9, weight_decay=recipe.weight_decay, nesterov=True
        )

    def advance(self, images: Tensor, labels: Tensor, steps: int) -> Tensor:
        """One step on one batch: attack, then descend. Returns (loss, accuracy) on the attacked batch."""
        recipe, progress = self.recipe, self.step / steps
        images, labels = images.to(self.device), labels.to(self.device)
        generator = seeded(recipe.seed, self.step, stream=1)
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.learning_rate(progress)
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.device == "cuda"):
            if recipe.radius > 0:
                part = int(progress * len(recipe.attack_steps))
                attacked = self.attack(images, labels, recipe.ball(progress), recipe.attack_steps[part], generator)
            else:
                attacked = images
            logits = self.model.train()(attacked)
            loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.step += 1
        self.average()
        return torch.stack([loss.detach().float(), (logits.argmax(1) == labels).float().mean()]).cpu()

    def attack(self, images: Tensor, labels: Tensor, ball: Ball, steps: int, generator: torch.Generator) -> Tensor:
        """The inner maximum of eq. 2, approximately: a few PGD steps from a random start, with batch norm at rest."""
        self.model.eval()
        start = (images + ball.sample(images, generator=generator)).clamp(0, 1)
        step_size = ball.radius * (1.25 if steps == 1 else 2.0 / steps)

        def objective(x: Tensor) -> Tensor:
            return -F.cross_entropy(self.model(x), labels, reduction="none")

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
            state = torch.load(path, map_location=self.device, weights_only=True)
            recipe = state["recipe"]
        except Exception as error:
            kind = type(error).__name__  # the message itself can be a page long
            raise ValueError(f"expected a training checkpoint in {path}, got something unreadable ({kind})") from error
        if recipe != repr(self.recipe):
            raise ValueError(f"expected a checkpoint of {self.recipe} in {path}, got one of {recipe}; move it away")
        self.step, self.seconds = state["step"], state["seconds"]
        for name in ("model", "averaged", "optimiser"):
            getattr(self, name).load_state_dict(state[name])


def seeded(seed: int, step: int, *, stream: int) -> torch.Generator:
    """A generator for one purpose (`stream`) at one step of one run."""
    return torch.Generator().manual_seed((seed * 1_000_003 + step) * 4 + stream)


def batch(recipe: Recipe, images: Tensor, labels: Tensor, *, step: int) -> tuple[Tensor, Tensor]:
    """The batch of step `step`: every epoch a new order, every picture flipped and shifted at random. Pixels in [0,
    1]."""
    per_epoch = len(images) // recipe.batch_size
    epoch, position = divmod(step, per_epoch)
    order = torch.randperm(len(images), generator=seeded(recipe.seed, epoch, stream=2))
    chosen = order[position * recipe.batch_size :][: recipe.batch_size]
    generator = seeded(recipe.seed, step, stream=3)
    pixels, labels = augment(recipe, images[chosen], generator), labels[chosen]
    nothing = int(recipe.nothing * len(pixels))
    if nothing:
        pixels[:nothing] = scramble(pixels[:nothing], generator)
        labels[:nothing] = recipe.classes - 1
    return pixels, labels


def augment(recipe: Recipe, images: Tensor, generator: torch.Generator) -> Tensor:
    """Random flips, shifts by up to `padding` pixels (with mirrored borders) and noise: uint8 in, float out."""
    count, _, height, width = images.shape
    pixels = images.float().div_(255)
    if recipe.flips:
        mirrored = torch.rand(count, generator=generator) < 0.5
        pixels[mirrored] = pixels[mirrored].flip(3)
    if recipe.padding:
        padded = F.pad(pixels, (recipe.padding,) * 4, mode="reflect")
        shifts = torch.randint(0, 2 * recipe.padding + 1, (count, 2), generator=generator).tolist()
        pixels = torch.stack(
            [picture[:, y : y + height, x : x + width] for picture, (y, x) in zip(padded, shifts, strict=True)]
        )
    if recipe.noise:
        levels = recipe.noise * torch.rand(count, 1, 1, 1, generator=generator)
        pixels = (pixels + levels * torch.randn(pixels.shape, generator=generator)).clamp_(0, 1)
    return pixels.contiguous(memory_format=torch.channels_last)


def scramble(pixels: Tensor, generator: torch.Generator, *, block: int = 8) -> Tensor:
    """Pictures of nothing, made of pictures of something: (B, 3, H, W) in [0, 1] both.

    A third keeps its spectrum and loses its phases, a third keeps its blocks and loses their order, a third drowns in
    noise.
    """
    count, _, height, width = pixels.shape
    noise = torch.rand(pixels.shape, generator=generator)
    phases = torch.fft.rfft2(noise[:, :1]).angle()
    clouds = torch.fft.irfft2(torch.fft.rfft2(pixels) * torch.exp(1j * phases), s=(height, width)).clamp(0, 1)
    tiles = F.unfold(pixels, block, stride=block)
    tiles = tiles[:, :, torch.randperm(tiles.shape[2], generator=generator)]
    shuffled = F.fold(tiles, (height, width), block, stride=block)
    share = 0.5 + 0.5 * torch.rand(count, 1, 1, 1, generator=generator)
    drowned = share * noise + (1 - share) * clouds
    kind = torch.arange(count).view(-1, 1, 1, 1) % 3
    return torch.where(kind == 0, clouds, torch.where(kind == 1, shuffled, drowned))


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, and the mode before it afterwards."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def accuracy(model: nn.Module, images: Tensor, labels: Tensor, *, batch_size: int = 250) -> float:
    """The share of pictures in [0, 1] that the model classifies as labelled."""
    with evaluating(model), torch.no_grad():
        hits = [
            model(x).argmax(1) == y for x, y in zip(images.split(batch_size), labels.split(batch_size), strict=True)
        ]
    return torch.cat(hits).float().mean().item()


def robust_hits(
    model: nn.Module, images: Tensor, labels: Tensor, *, ball: Ball, steps: int = 50, restarts: int = 5, seed: int = 0
) -> Tensor:
    """Which pictures stay correctly classified under untargeted PGD inside `ball`, (N,) booleans.

    `steps` steps of 2.5 radius/steps from `restarts` random starts; a picture counts only if it survives all of them.
    This is an upper bound on the true robust accuracy: a better attack could still find more.
    """
    generator = torch.Generator().manual_seed(seed)
    survivors = torch.ones(len(images), dtype=torch.bool, device=images.device)
    with evaluating(model):
        for restart in range(restarts + 1):
            for part in survivors.nonzero().squeeze(1).split(50):
                x, y = images[part], labels[part]
                if restart > 0:  # the first round only drops pictures that are wrong without any attack
                    x = untargeted(model, x, y, ball=ball, steps=steps, generator=generator)
                with torch.no_grad():
                    survivors[part] = model(x).argmax(1) == y
    return survivors


def untargeted(
    model: nn.Module, images: Tensor, labels: Tensor, *, ball: Ball, steps: int, generator: torch.Generator
) -> Tensor:
    """Pictures inside `ball` that the model gets wrong if it can be made to: PGD on minus the loss from a random
    start."""

    def objective(x: Tensor) -> Tensor:
        return -F.cross_entropy(model(x), labels, reduction="none")

    start = (images + ball.sample(images, generator=generator)).clamp(0, 1)
    return solve(
        Problem(objective, start, ball, centre=images, steps=steps, step_size=2.5 * ball.radius / max(steps, 1))
    )
