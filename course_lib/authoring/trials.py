"""What is tuned on validation pictures and measured on test pictures.

Class-changing tasks are trials: starts, and the classes they should turn into, which judges look at. Every other task
is a row of `ROWS`: what it gets, and a score that says how good its results are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from course_lib import tasks
from course_lib.measuring.judging import in_batches
from course_lib.measuring.scores import psnr
from course_lib.one_line import OneLine
from course_lib.pgd import Problem
from course_lib.pixels import bicubic, shrink
from course_lib.seeds import KINDS
from course_lib.testbeds import Testbed

Settings = dict[str, Any]
RANDOM_SEEDS = {"validation": 6, "test": 5}  # of the holes


@dataclass(frozen=True, repr=False)
class Trial(OneLine):
    """Starts and the classes they should turn into; `task` names the settings."""

    name: str
    task: str
    starts: Tensor
    targets: Tensor


def trials(testbed: Testbed, *, split: str, count: int) -> Iterator[Trial]:
    """The class-changing tasks: `count` generations of each kind, a third as many translations each way.

    Seeds are fitted on training pictures; their generators differ from split to split.
    """
    generator = torch.Generator().manual_seed({"validation": 1, "test": 2}[split])
    classes = len(testbed.classes)
    targets = torch.arange(count) % classes
    for name in KINDS:
        seeds = testbed.seeds(name).sample(targets, generator=generator)
        yield Trial(f"generation, {name}", task_of(name), seeds, targets)
    wrong = (targets + 1 + torch.arange(count) // classes % (classes - 1)) % classes
    seeds = testbed.seeds("multivariate").sample(wrong, generator=generator)
    yield Trial("generation, seeds of a wrong class", "generate", seeds, targets)
    for source, target in testbed.translations:
        indices = (getattr(testbed, split).labels == source).nonzero().squeeze(1)[: max(count // 3, 1)]
        name = f"translation, {testbed.classes[source]} to {testbed.answers[target]}"
        yield Trial(name, "translate", testbed.batch(split, indices)[0], torch.full((len(indices),), target))


def task_of(kind: str) -> str:
    """The name of the settings that generation from this kind of seeds takes."""
    return "generate from noise" if KINDS[kind].noise else "generate"


def solved(model: nn.Module, trial: Trial, settings: Settings) -> Tensor:
    """The results of one trial, computed in batches."""
    return in_batches(partial(tasks.refine, model, **settings), trial.starts, trial.targets)


Inputs = tuple[Tensor, ...]
Scores = Mapping[str, Tensor]
"""By name, a number for every picture; "gain" is the one that tuning raises."""


@dataclass(frozen=True, repr=False)
class Row(OneLine):
    """A task of the tables.

    `inputs(testbed, split, count)` is the truth, then what `task(model, *inputs, **settings)` takes after the model,
    picture by picture; `score(model, results, inputs)` compares the results with that.
    """

    settings: str  # their name in data/tuned
    task: Callable[..., Problem]
    inputs: Callable[[Testbed, str, int], Inputs]
    score: Callable[[nn.Module, Tensor, Inputs], Scores]
    grid: Sequence[Settings] = ()  # to choose from, at 64 pixels; empty: another row's are taken
    scaled: bool = True  # whether radii of the grid grow with the side of a picture
    baseline: str = ""  # what gains are measured against; "": the row is tuned, not measured
    share: float = 1.0  # of the pictures, where a picture takes long

    def scored(self, model: nn.Module, inputs: Inputs, settings: Settings) -> Scores:
        results = in_batches(partial(self.task, model, **settings), *inputs[1:])
        return self.score(model, results, inputs)


def schedule(radius: float, *, steps: int = 40, travel: float = 2.5) -> Settings:
    """Steps that together travel so many radii: by default enough to reach the ball's surface and move along it."""
    return {"radius": radius, "steps": steps, "step_size": round(travel * radius / steps, 6)}


def small_pictures(testbed: Testbed, split: str, count: int, *, factor: int) -> Inputs:
    truth, labels = testbed.batch(split, range(count))
    return truth, shrink(truth, factor), labels


def holes(testbed: Testbed, split: str, count: int, *, labelled: bool = True) -> Inputs:
    """Pictures with a square hole of a quarter of the side."""
    truth, labels = testbed.batch(split, range(count))
    size, generator = testbed.resolution, torch.Generator().manual_seed(RANDOM_SEEDS[split])
    masks = tasks.random_holes(count, size, size // 4, generator=generator)
    return (truth, tasks.fill_with_mean(truth, masks), masks, *([labels] if labelled else []))


def areas(testbed: Testbed, split: str, count: int) -> Inputs:
    """Pictures, and a square of half the side to paint in."""
    images, _ = testbed.batch(split, range(count))
    size, generator = testbed.resolution, torch.Generator().manual_seed(7)
    return images, images, tasks.random_holes(count, size, size // 2, generator=generator)


def sharper(model: nn.Module, results: Tensor, inputs: Inputs) -> Scores:
    truth, small = inputs[:2]
    return gains(results, bicubic(small, truth.shape[-1] // small.shape[-1]), truth)


def filled(model: nn.Module, results: Tensor, inputs: Inputs) -> Scores:
    truth, damaged, masks = inputs[:3]
    return gains(results, damaged, truth, masks)


def gains(results: Tensor, baseline: Tensor, truth: Tensor, mask: Tensor | None = None) -> Scores:
    """PSNR of results and of a baseline against the truth in dB, and the gain paired by picture."""
    ours, theirs = psnr(results, truth, mask), psnr(baseline, truth, mask)
    return {"result PSNR": ours, "baseline PSNR": theirs, "gain": ours - theirs}


def painted(model: Any, results: Tensor, inputs: Inputs) -> Scores:
    """How much the unit rises, where pixels outside the mask move by at most 2/255 on average."""
    images, _, masks = inputs
    moved = ((results - images).abs() * (1 - masks)).sum() / (3 * (1 - masks).sum())
    raised = model.features(results)[:, 0] - model.features(images)[:, 0]
    return {"gain": raised if moved <= 2 / 255 else -moved.expand(len(images))}


def superresolution(factor: int) -> Row:
    return Row(
        f"superresolve x{factor}",
        partial(tasks.superresolve, factor=factor, start=bicubic),
        partial(small_pictures, factor=factor),
        sharper,
        [{"radius": 12.0, "steps": steps, "step_size": size} for steps in (5, 10) for size in (0.02, 0.05, 0.1, 0.2)],
        scaled=False,
        baseline="bicubic",
    )


def known_label(model: nn.Module, damaged: Tensor, mask: Tensor, labels: Tensor, **settings: Any) -> Problem:
    return tasks.inpaint(model, damaged, mask, labels=labels, **settings)


WEIGHTS = (1e2, 1e3)
HOLES = [{**schedule(radius), "weight": weight} for radius in (1.0, 2.0, 4.0, 6.0) for weight in WEIGHTS]
ROWS = {
    "super-resolution x2": superresolution(2),
    "super-resolution x4": superresolution(4),
    "inpainting, label known": Row("inpaint", known_label, holes, filled, HOLES, baseline="mean fill", share=0.2),
    "inpainting, label predicted": Row(
        "inpaint", tasks.inpaint, partial(holes, labelled=False), filled, baseline="mean fill", share=0.2
    ),
    "feature painting": Row(
        "paint",
        partial(tasks.paint, unit=0),
        areas,
        painted,
        [{**schedule(radius), "weight": weight} for radius in (6.0, 9.0) for weight in WEIGHTS],
    ),
}
