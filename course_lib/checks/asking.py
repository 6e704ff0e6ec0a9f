"""What is asked of a student's function.

This file imports nothing of the course: the grader copies it, alone, to where students' code runs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Function = Callable[..., Any]
Inputs = dict[str, Any]
"""The arguments of a function by name: tensors and numbers."""
Outputs = dict[str, Tensor]
"""What came of the calls: "result", "changed" (1 where an input was changed in place), and "alone" where asked for."""


@dataclass(frozen=True)
class Ask:
    """Call a function with inputs by name, and once more with the first item of the inputs named in `alone`.

    Functions cannot travel to where the calls are made, tensors can. So with `model`, the input "weights" becomes a
    linear classifier "model"; with `attack`, "delta" becomes an attack that adds it.
    """

    alone: tuple[str, ...] = ()
    model: bool = False
    attack: bool = False

    def __call__(self, function: Function, inputs: Inputs) -> Outputs:
        given = copied(inputs)
        result = tensor(self.call(function, **given))
        same = all(torch.equal(given[name], value) for name, value in inputs.items() if isinstance(value, Tensor))
        outputs = {"result": result, "changed": torch.tensor(float(not same))}
        if self.alone:
            first = {name: value[:1] if name in self.alone else value for name, value in inputs.items()}
            outputs["alone"] = tensor(self.call(function, **copied(first)))
        return outputs

    def call(self, function: Function, **inputs: Any) -> Any:
        if self.attack:
            delta = inputs.pop("delta")
            inputs["attack"] = lambda images, labels: (images + delta).clamp(0, 1)
        if self.model:
            weights = inputs.pop("weights")
            inputs["model"] = lambda images: images.flatten(1) @ weights.T
        return function(**inputs)


def copied(inputs: Inputs) -> Inputs:
    return {name: value.clone() if isinstance(value, Tensor) else value for name, value in inputs.items()}


def tensor(result: Any) -> Tensor:
    """A function's answer as a tensor of its own; TypeError for anything that is not a tensor or a number."""
    if isinstance(result, bool | int | float):
        return torch.tensor(result, dtype=torch.float64)
    if not isinstance(result, Tensor):
        kind = "nothing: is there a return?" if result is None else f"a {type(result).__name__}"
        raise TypeError(f"expected the function to return a tensor, got {kind}")
    return result.detach().clone().contiguous()
