"""One process, or many that train one network together, as `accelerate launch` or `torchrun` start them.

Each one draws the whole batch and computes its share of it. Gradients are the mean over all processes and batch norm
sees the whole batch, so the result is that of one process up to rounding.
"""

import importlib
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import torch
import torch.distributed
from torch import Tensor, nn

from course_lib.prepared import best_device
from course_lib.training.batch_norm import WholeBatchNorm
from course_lib.training.loop import Run
from course_lib.training.recipe import Recipe

PATIENCE = timedelta(hours=1)  # for a process that is silent; the first one also measures while the others wait
ONE_ONLY = (
    "expected several processes, got one: `accelerate launch --cpu` starts no more; "
    "say `accelerate launch --multi_gpu --num_processes 2 ...`, which does, with or without GPUs"
)


class Alone:
    """One process: all work is its own. `number` of `count`; the `first` one writes and prints."""

    number, count, first = 0, 1, True

    def __init__(self, device: str = "cpu") -> None:
        self.device = device

    def run(self, recipe: Recipe) -> Run:
        """A fresh training run."""
        return Run(recipe, self.device)

    def agree(self, answer: Any) -> Any:
        """The first one's answer, for all."""
        return answer

    def in_turn(self) -> AbstractContextManager[None]:
        """The first process of each machine goes through this block before the others, who find what it left."""
        return nullcontext()


class Together(Alone):
    def __init__(self, accelerator: Any) -> None:
        super().__init__(accelerator.device.type)
        self.accelerator, self.first = accelerator, accelerator.is_main_process
        self.number, self.count = accelerator.process_index, accelerator.num_processes

    def run(self, recipe: Recipe) -> Run:
        return SharedRun(recipe, self)

    def agree(self, answer: Any) -> Any:
        (heard,) = importlib.import_module("accelerate.utils").broadcast_object_list([answer])
        return heard

    def in_turn(self) -> AbstractContextManager[None]:
        turn: AbstractContextManager[None] = self.accelerator.local_main_process_first()
        return turn


class SharedRun(Run):
    """A run that several processes share. Of their checkpoints only the first one's counts."""

    def __init__(self, recipe: Recipe, processes: Together) -> None:
        super().__init__(recipe, processes.device)
        self.processes = processes
        for module in self.model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.__class__ = WholeBatchNorm
        self.connected = processes.accelerator.prepare_model(self.model)

    def share(self, *wholes: Tensor) -> tuple[Tensor, ...]:
        """The rows of tensors (B, ...) that are this process's to compute, (B / count, ...)."""
        number, count = self.processes.number, self.processes.count
        for whole in wholes:
            if len(whole) % count:
                raise ValueError(f"expected a batch that {count} processes share equally, got {len(whole)}")
        return tuple(whole.tensor_split(count)[number] for whole in wholes)

    def mean(self, values: Tensor) -> Tensor:
        accelerator = self.processes.accelerator
        mean: Tensor = accelerator.reduce(values.to(accelerator.device), "mean")
        return mean.to(values.device)

    def save(self, path: Path) -> None:
        if self.processes.first:
            super().save(path)

    def content(self, path: Path) -> bytes | None:
        """The first process's checkpoint: the others may be on another machine."""
        held: bytes | None = self.processes.agree(super().content(path))
        return held


@contextmanager
def together() -> Iterator[Alone]:
    """The processes that this one belongs to: `Alone` where it was started by itself.

    Where another one is lost, the program ends with one sentence and exit code 1.
    """
    if not {"LOCAL_RANK", "ACCELERATE_MIXED_PRECISION"} & os.environ.keys():
        yield Alone(best_device().type)
        return
    accelerate: Any = importlib.import_module("accelerate")  # takes a second, so only where it is needed
    handlers = [accelerate.InitProcessGroupKwargs(timeout=PATIENCE)]
    on_cpu = best_device().type == "cpu"
    accelerator = accelerate.Accelerator(cpu=on_cpu, mixed_precision="no", kwargs_handlers=handlers)
    if accelerator.num_processes == 1:
        if accelerator.device.type == "cpu" and "MASTER_ADDR" in os.environ and "WORLD_SIZE" not in os.environ:
            sys.exit(ONE_ONLY)
        yield Alone(accelerator.device.type)
        return
    signal.signal(signal.SIGTERM, lambda *_: leave(accelerator.num_processes))  # what the launcher sends to the others
    try:
        yield Together(accelerator)
    except RuntimeError as error:
        if not isinstance(error, torch.distributed.DistError) and "gloo" not in str(error):
            raise
        leave(accelerator.num_processes)
    accelerator.end_training()


def leave(count: int) -> NoReturn:
    sys.exit(
        f"expected {count} processes to the end, lost one: start the same command again, and it goes on from there"
    )
