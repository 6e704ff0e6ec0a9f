"""Answers to the visible inputs: in what students get, they stand where the course has reference solutions."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from course_lib.checks.asking import Function, tensor

STORED = Path(__file__).with_suffix(".safetensors")  # in a student's bundle alone
NEAR = 1e-3  # random numbers are not the same to the last digit on every processor
Call = tuple[str, Tensor, Tensor]
"""(names and shapes of the inputs, a number for each of them, the answer)"""


class Recorded:
    """Records what a function answers; without one, gives the answer to the inputs that are nearest to these."""

    def __init__(self, function: Function | None = None, calls: Sequence[Call] = ()) -> None:
        self.function, self.calls = function, list(calls)

    def __call__(self, **inputs: Any) -> Tensor:
        parts = {name: torch.as_tensor(part) for name, part in sorted(inputs.items()) if not callable(part)}
        shapes = " ".join(f"{name}{[*part.shape]}" for name, part in parts.items())
        numbers = torch.stack([told_apart(part.flatten().double()) for part in parts.values()])
        if self.function:
            self.calls.append((shapes, numbers, tensor(self.function(**inputs))))
            return self.calls[-1][-1]
        near = [call for call in self.calls if call[0] == shapes and torch.allclose(call[1], numbers, NEAR, NEAR)]
        if not near:
            raise LookupError("expected the visible inputs, got others")
        return min(near, key=lambda call: (call[1] - numbers).abs().sum().item())[-1].clone()


def told_apart(values: Tensor) -> Tensor:
    return values @ torch.linspace(1, 2, len(values), dtype=values.dtype)


@cache
def stored() -> dict[str, Tensor]:
    return load_file(STORED)


def recorded(name: str, place: int) -> Recorded:
    """The reference solution of an exercise (0), or one of its typical mistakes, as it answered."""
    begin = f"{name}/{place}/"
    keys = [key for key in stored() if key.startswith(begin) and key.endswith("/answer")]
    return Recorded(
        calls=[(key.split("/")[3], stored()[key.replace("/answer", "/numbers")], stored()[key]) for key in keys]
    )
