"""One process, or many that train one network together, as `accelerate launch` or `torchrun` start them.

    accelerate launch -m course_lib.trainer NAME                                  every GPU of this machine
    accelerate launch --multi_gpu --num_processes 2 -m course_lib.trainer NAME    two processes on a CPU, too

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

from course_lib.prepare import best_device
from course_lib.training.batch_norm import WholeBatchNorm

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

    def share(self, *wholes: Tensor) -> list[Tensor]:
        """The rows of tensors (B, ...) that are this process's to compute, (B / count, ...)."""
        for whole in wholes:
            if len(whole) % self.count:
                raise ValueError(f"expected a batch that {self.count} processes share equally, got {len(whole)}")
        return [whole.tensor_split(self.count)[self.number] for whole in wholes] if self.count > 1 else [*wholes]

    def connect(self, model: nn.Module) -> nn.Module:
        """The same network, to be trained: its gradients and batch statistics will be those of the whole batch."""
        return model

    def mean(self, values: Tensor) -> Tensor:
        """The mean over all processes."""
        return values

    def agree(self, answer: bool) -> bool:
        """The first one's answer, for all."""
        return answer

    def read(self, path: Path) -> bytes:
        """A file of the first one's machine, for all."""
        return path.read_bytes()

    def in_turn(self) -> AbstractContextManager[None]:
        """The first process of each machine goes through this block before the others, who find what it left."""
        return nullcontext()


ALONE = Alone()


class Together(Alone):
    """One of several processes, over an `accelerate.Accelerator`."""

    def __init__(self, accelerator: Any) -> None:
        super().__init__(accelerator.device.type)
        self.accelerator, self.first = accelerator, accelerator.is_main_process
        self.number, self.count = accelerator.process_index, accelerator.num_processes

    def connect(self, model: nn.Module) -> nn.Module:
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.__class__ = WholeBatchNorm
        connected: nn.Module = self.accelerator.prepare_model(model)
        return connected

    def mean(self, values: Tensor) -> Tensor:
        mean: Tensor = self.accelerator.reduce(values.to(self.accelerator.device), "mean")
        return mean.to(values.device)

    def agree(self, answer: bool) -> bool:
        return bool(self._first_ones(torch.tensor([answer])).item())

    def read(self, path: Path) -> bytes:
        data = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8) if self.first else torch.empty(0)
        size = self._first_ones(torch.tensor([len(data)]))
        own = data if self.first else torch.empty(int(size), dtype=torch.uint8)
        return self._first_ones(own).numpy().tobytes()

    def in_turn(self) -> AbstractContextManager[None]:
        turn: AbstractContextManager[None] = self.accelerator.local_main_process_first()
        return turn

    def _first_ones(self, values: Tensor) -> Tensor:
        received: Tensor = importlib.import_module("accelerate.utils").broadcast(values.to(self.accelerator.device))
        return received.cpu()


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
