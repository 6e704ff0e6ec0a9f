"""Tasks that are tuned and measured row by row: what each gets, and a score that says how good its results are.

To add one, add an entry to `ROWS`: `tune` finds its settings where it has a grid, `measure` measures it where it has a
baseline, and `tables` prints every score that it returns.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from course_lib import tasks
from course_lib.authoring.trials import Settings, schedule
from course_lib.measuring.judging import certainty, in_batches
from course_lib.measuring.scores import perceptual_distance, psnr
from course_lib.one_line import OneLine
from course_lib.pgd import Problem
from course_lib.pixels import back_projected, bicubic, shrink
from course_lib.prepared import best_device
from course_lib.testbeds import Testbed

RANDOM_SEEDS = {"validation": 6, "test": 5}  # of the holes
GAIN, CERTAINTY, NEARER = "gain", "certainty gain, points", "perceptual gain, x 1,000"

Fill = Callable[[Tensor, Tensor], Tensor]
Inputs = tuple[Tensor, ...]
Scores = Mapping[str, Tensor]
"""By name, a number for every picture; a row's `raised` is the one that tuning raises."""


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
    picture by picture; `finish(results, inputs)` goes on without it; `score(outcome)` compares the results with that.
    """

    settings: str  # their name in data/tuned
    task: Callable[..., Problem]
    inputs: Callable[[Testbed, str, int], Inputs]
    score: Callable[[Outcome], Scores]
    grid: Sequence[Settings] = ()  # to choose from, at 64 pixels; empty: another row's are taken
    scaled: bool = True  # whether radii of the grid grow with the side of a picture
    baseline: str = ""  # what gains are measured against; "": the row is tuned, not measured
    share: float = 1.0  # of the pictures, where a picture takes long
    raised: str = GAIN  # the score that tuning raises
    loses: float = math.inf  # decibels that tuning may give up for it
    finish: Callable[[Tensor, Inputs], Tensor] = lambda results, inputs: results

    def scored(self, testbed: Testbed, model: nn.Module, inputs: Inputs, *, settings: Settings) -> Scores:
        inputs = tuple(tensor.to(best_device()) for tensor in inputs)
        images = in_batches(partial(self.task, model, **settings), *inputs[1:])
        return self.score(Outcome(testbed, model, self.finish(images, inputs), inputs))


def small_pictures(testbed: Testbed, split: str, count: int, *, factor: int) -> Inputs:
    truth, labels = testbed.batch(split, range(count))
    return truth, shrink(truth, factor), labels


def holes(testbed: Testbed, split: str, count: int, *, fill: Fill, labelled: bool = True) -> Inputs:
    """Pictures with a square hole of a quarter of the side."""
    truth, labels = testbed.batch(split, range(count))
    size, generator = testbed.resolution, torch.Generator().manual_seed(RANDOM_SEEDS[split])
    masks = tasks.random_holes(count, size, size // 4, generator=generator)
    return (truth, fill(truth, masks), masks, labels, *([labels] if labelled else []))


def areas(testbed: Testbed, split: str, count: int) -> Inputs:
    """Pictures, and a square of half the side to paint in."""
    images, _ = testbed.batch(split, range(count))
    size, generator = testbed.resolution, torch.Generator().manual_seed(7)
    return images, images, tasks.random_holes(count, size, size // 2, generator=generator)


def sharper(outcome: Outcome) -> Scores:
    truth, small, labels = outcome.inputs
    return gains(outcome, bicubic(small, truth.shape[-1] // small.shape[-1]), labels)


def filled(outcome: Outcome) -> Scores:
    _, damaged, masks, labels = outcome.inputs[:4]
    return gains(outcome, damaged, labels, mask=masks)


def gains(outcome: Outcome, baseline: Tensor, labels: Tensor, *, mask: Tensor | None = None) -> dict[str, Tensor]:
    """PSNR of results and of a baseline against the truth in dB, and gains paired by picture.

    They are gains in PSNR; in the judge's certainty of the true class; and how much nearer to the truth the results
    are by the second judge's layers.
    """
    testbed, results, truth = outcome.testbed, outcome.images, outcome.inputs[0]
    ours, theirs = psnr(results, truth, mask), psnr(baseline, truth, mask)
    sure = [certainty(testbed.judge, images, labels) for images in (results, baseline)]
    eye: Any = testbed.judges.get("second judge", testbed.judge)  # a testbed of one's own has one judge
    far = [perceptual_distance(eye, images, truth) for images in (results, baseline)]
    return {
        "result PSNR": ours,
        "baseline PSNR": theirs,
        GAIN: ours - theirs,
        CERTAINTY: 100 * (sure[0] - sure[1]),
        NEARER: 1000 * (far[1] - far[0]),
    }


def painted(outcome: Outcome) -> Scores:
    """How much the unit rises, where pixels outside the mask move by at most 2/255 on average."""
    model: Any = outcome.model
    results, (images, _, masks) = outcome.images, outcome.inputs
    moved = ((results - images).abs() * (1 - masks)).sum() / (3 * (1 - masks).sum())
    raised = model.features(results)[:, 0] - model.features(images)[:, 0]
    return {GAIN: raised if moved <= 2 / 255 else -moved.expand(len(images))}


def superresolution(factor: int) -> dict[str, Row]:
    """Towards the class from bicubic; back-projection, which knows no class; and one after the other.

    The steps of the first are chosen by decibels. Those of the last may be longer: what contradicts the small picture
    is undone afterwards, and the distance by a judge's layers chooses.
    """
    few = partial(small_pictures, factor=factor)
    task = partial(tasks.superresolve, factor=factor, start=bicubic)
    name, settings = f"super-resolution x{factor}", f"superresolve x{factor}"
    ball = {"radius": 12.0}  # large enough to hold bicubic and the truth
    short = [{**ball, "steps": steps, "step_size": size} for steps in (5, 10) for size in (0.02, 0.05, 0.1, 0.2)]
    long = [{**ball, "steps": 15, "step_size": size} for size in (0.05, 0.1, 0.2, 0.4)]
    first = Row(settings, task, few, sharper, short, scaled=False, baseline="bicubic")
    other = replace(first, finish=lambda results, inputs: back_projected(results, inputs[1]), scaled=True)
    return {
        name: first,
        f"{name}, back-projection": replace(other, task=partial(unsolved, factor=factor), grid=()),
        f"{name}, then back-projection": replace(
            other, settings=f"{settings}, then back-project", grid=long, raised=NEARER
        ),
    }


def unsolved(model: nn.Module, small: Tensor, labels: Tensor, *, factor: int, **settings: Any) -> Problem:
    """Bicubic, and not a single step."""
    return tasks.superresolve(model, small, labels, factor=factor, start=bicubic, **settings | {"steps": 0})


def inpainted(model: nn.Module, damaged: Tensor, mask: Tensor, *labels: Tensor, **settings: Any) -> Problem:
    """Inpainting with the labels that come twice, for the score and for the task; with its own guess where once."""
    return tasks.inpaint(model, damaged, mask, labels=labels[1] if len(labels) > 1 else None, **settings)


def known_again(results: Tensor, inputs: Inputs) -> Tensor:
    """Results inside the hole, and outside it what was known all the time: a repair is judged by the hole alone."""
    _, damaged, masks = inputs[:3]
    return results * masks + damaged * (1 - masks)


def inpainting(fill: Fill, *, labelled: bool = True, grid: Sequence[Settings] = ()) -> Row:
    inputs, baseline = partial(holes, fill=fill, labelled=labelled), FILLS[fill]
    options: dict[str, Any] = {"raised": CERTAINTY, "loses": 1.5, "finish": known_again}
    return Row("inpaint", inpainted, inputs, filled, grid, baseline=baseline, share=0.2, **options)


FILLS: dict[Fill, str] = {tasks.fill_with_mean: "mean fill", tasks.fill_smoothly: "smooth fill"}
HOLES = [
    {**schedule(radius, steps=steps), "weight": weight}
    for radius in (2.0, 4.0, 6.0)
    for steps in (15, 40)
    for weight in (1e3, 1e4)  # smaller ones let the rest of the picture move
]
ROWS = {
    **superresolution(2),
    **superresolution(4),
    **superresolution(8),
    "inpainting, label known": inpainting(tasks.fill_smoothly, grid=HOLES),
    "inpainting, label predicted": inpainting(tasks.fill_smoothly, labelled=False),
    "inpainting from the mean, label known": inpainting(tasks.fill_with_mean),
    "feature painting": Row(
        "paint",
        partial(tasks.paint, unit=0),
        areas,
        painted,
        [{**schedule(radius, steps=40), "weight": weight} for radius in (6.0, 9.0) for weight in (1e2, 1e3)],
    ),
}
