"""What is tuned on validation pictures and measured on test pictures: starts, and the classes they should turn into."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.measuring.judging import in_batches
from course_lib.tasks import refine
from course_lib.testbed import SEED_KINDS, Testbed

NOISE = ("uniform", "normal")  # kinds of seeds


@dataclass(frozen=True)
class Trial:
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
    for kind in SEED_KINDS:
        seeds = testbed.seeds(kind).sample(targets, generator=generator)
        yield Trial(f"generation, {kind}", "generate from noise" if kind in NOISE else "generate", seeds, targets)
    wrong = (targets + 1 + torch.arange(count) // classes % (classes - 1)) % classes
    seeds = testbed.seeds("multivariate").sample(wrong, generator=generator)
    yield Trial("generation, seeds of a wrong class", "generate", seeds, targets)
    for source, target in testbed.translations:
        indices = (getattr(testbed, split).labels == source).nonzero().squeeze(1)[: max(count // 3, 1)]
        name = f"translation, {testbed.classes[source]} to {testbed.answers[target]}"
        yield Trial(name, "translate", testbed.batch(split, indices)[0], torch.full((len(indices),), target))


def solved(model: nn.Module, trial: Trial, settings: dict[str, Any]) -> Tensor:
    """The results of one trial, computed in batches."""
    return in_batches(lambda starts, targets: refine(model, starts, targets, **settings), trial.starts, trial.targets)
