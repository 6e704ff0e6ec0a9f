"""Tasks that are tuned and measured row by row: what each gets, and a score that says how good its results are.

To add one, add an entry to `ROWS`: `tune` finds its settings where it has a grid, `measure` measures it where it has a
baseline, and `tables` prints every score that it returns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from course_lib import tasks
from course_lib.authoring.trials import Settings, schedule
from course_lib.measuring.judging import in_batches
from course_lib.measuring.scores import psnr
from course_lib.one_line import OneLine
from course_lib.pgd import Problem
from course_lib.pixels import bicubic, shrink
from course_lib.prepare import best_device
from course_lib.testbeds import Testbed

RANDOM_SEEDS = {"validation": 6, "test": 5}  # of the holes

Inputs = tuple[Tensor, ...]
Scores = Mapping[str, Tensor]
"""By name, a number for every picture; "gain" is the one that tuning raises."""


@dataclass(frozen=True, repr=False)
class Outcome(OneLine):
    """What a score looks at: results (N, 3, H, W), the model, what they were made of, and a testbed with its judges."""

    testbed: Testbed
    model: nn.Module
    images: Tensor
    inputs: Inputs


@dataclass(frozen=True, repr=False)
class Row(OneLine):
    """A task of the tables.

    `inputs(testbed, split, count)` is the truth, then what `task(model, *inputs, **settings)` takes after the model,
    picture by picture; `score(outcome)` compares the results with that.
    """

    settings: str  # their name in data/tuned
    task: Callable[..., Problem]
    inputs: Callable[[Testbed, str, int], Inputs]
    score: Callable[[Outcome], Scores]
    grid: Sequence[Settings] = ()  # to choose from, at 64 pixels; empty: another row's are taken
    scaled: bool = True  # whether radii of the grid grow with the side of a picture
    baseline: str = ""  # what gains are measured against; "": the row is tuned, not measured
    share: float = 1.0  # of the pictures, where a picture takes long

    def scored(self, testbed: Testbed, model: nn.Module, inputs: Inputs, *, settings: Settings) -> Scores:
        inputs = tuple(tensor.to(best_device()) for tensor in inputs)
        images = in_batches(partial(self.task, model, **settings), *inputs[1:])
        return self.score(Outcome(testbed, model, images, inputs))


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


def sharper(outcome: Outcome) -> Scores:
    truth, small = outcome.inputs[:2]
    return gains(outcome.images, bicubic(small, truth.shape[-1] // small.shape[-1]), truth)


def filled(outcome: Outcome) -> Scores:
    truth, damaged, masks = outcome.inputs[:3]
    return gains(outcome.images, damaged, truth, mask=masks)


def gains(results: Tensor, baseline: Tensor, truth: Tensor, *, mask: Tensor | None = None) -> Scores:
    """PSNR of results and of a baseline against the truth in dB, and the gain paired by picture."""
    ours, theirs = psnr(results, truth, mask), psnr(baseline, truth, mask)
    return {"result PSNR": ours, "baseline PSNR": theirs, "gain": ours - theirs}


def painted(outcome: Outcome) -> Scores:
    """How much the unit rises, where pixels outside the mask move by at most 2/255 on average."""
    model: Any = outcome.model
    results, (images, _, masks) = outcome.images, outcome.inputs
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
HOLES = [{**schedule(radius, steps=40), "weight": weight} for radius in (1.0, 2.0, 4.0, 6.0) for weight in WEIGHTS]
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
        [{**schedule(radius, steps=40), "weight": weight} for radius in (6.0, 9.0) for weight in WEIGHTS],
    ),
}
