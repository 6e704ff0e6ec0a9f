"""Class-changing tasks as trials: starts, and the classes they should turn into, which judges look at.

Settings are tuned on validation pictures and measured on test pictures. Every other task is a row of `rows.ROWS`.
"""

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib import tasks
from course_lib.constraints import L2Ball
from course_lib.measuring.judging import in_batches
from course_lib.one_line import OneLine
from course_lib.pgd import Problem, solve
from course_lib.pixels import shrink
from course_lib.prepared import best_device
from course_lib.seeds import KINDS
from course_lib.testbeds.testbed import Testbed, task_of

Settings = dict[str, Any]
Task = Callable[..., Problem]


@dataclass(frozen=True, repr=False)
class Trial(OneLine):
    """Starts and the classes they should turn into; `task` names the settings."""

    name: str
    task: str
    starts: Tensor
    targets: Tensor


def trials(testbed: Testbed, *, split: str, count: int) -> Iterator[Trial]:
    """The class-changing tasks: `count` generations of each kind, a third as many translations each way.

    Seeds are fitted on training pictures; their generators differ from split to split. All lies on the best device.
    """
    generator, device = torch.Generator().manual_seed({"validation": 1, "test": 2}[split]), best_device()
    classes = len(testbed.classes)
    targets = torch.arange(count) % classes
    for name in KINDS:
        seeds = testbed.seeds(name).sample(targets, generator=generator)
        yield Trial(f"generation, {name}", task_of(name), seeds.to(device), targets.to(device))
    wrong = (targets + 1 + torch.arange(count) // classes % (classes - 1)) % classes
    seeds = testbed.seeds("multivariate").sample(wrong, generator=generator)
    yield Trial("generation, seeds of a wrong class", "generate", seeds.to(device), targets.to(device))
    for source, target in testbed.translations:
        pictures = of_classes(testbed, split, torch.tensor([source]))[: max(count // 3, 1)]
        name = f"translation, {testbed.classes[source]} to {testbed.answers[target]}"
        yield Trial(name, "translate", pictures, torch.full((len(pictures),), target, device=device))


def of_classes(testbed: Testbed, split: str, labels: Tensor, *, count: int | None = None) -> Tensor:
    """Real pictures of the classes that stand in `labels`: the first `count` of a split, on the best device."""
    members = torch.isin(getattr(testbed, split).labels, labels.cpu()).nonzero().squeeze(1)[:count]
    return testbed.batch(split, members)[0].to(best_device())


def schedule(radius: float, *, steps: int, travel: float = 2.5) -> Settings:
    """Steps that together travel so many radii: by default enough to reach the ball's surface and move along it."""
    return {"radius": radius, "steps": steps, "step_size": round(travel * radius / steps, 6)}


def solved(model: nn.Module, trial: Trial, settings: Settings, *, task: Task = tasks.refine) -> Tensor:
    """The results of one trial, computed in batches."""
    return in_batches(partial(task, model, **settings), trial.starts, trial.targets)


def coarse_first(model: nn.Module, starts: Tensor, labels: Tensor, **settings: Any) -> Problem:
    """The second half of a run, whose first half is done on pictures of half the side; lengths are halved there.

    A step costs a quarter on those.
    """
    whole = tasks.refine(model, starts, labels, **settings)
    ball, first = L2Ball(whole.ball.radius / 2), whole.steps // 2
    free: Any = copy(model)
    free.size = None  # it takes pictures of any size
    small = Problem(
        tasks.cross_entropy(free, labels), shrink(starts, 2), ball, steps=first, step_size=whole.step_size / 2
    )
    change = F.interpolate(solve(small) - small.start, scale_factor=2, mode="bilinear")
    return replace(whole, start=(starts + change).clamp(0, 1), centre=starts, steps=whole.steps - first)
