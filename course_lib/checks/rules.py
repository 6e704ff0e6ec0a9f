"""Rules of right answers. All but `sound` see results of the right shape and type, all finite."""

from functools import partial
from typing import Any

import torch

from course_lib.checks.asking import Function, Inputs, Outputs
from course_lib.checks.exercise import TOLERANCE, Rule, close
from course_lib.constraints import norms


@partial(Rule, "a tensor of the right shape and type, all finite", manners=True)
def sound(_: Inputs, outputs: Outputs, right: Outputs) -> str | None:
    result, wanted = outputs["result"], right["result"]
    if result.shape != wanted.shape:
        return f"expected a tensor of shape {tuple(wanted.shape)}, got {tuple(result.shape)}"
    if result.dtype != wanted.dtype and wanted.ndim:
        return f"expected numbers of type {wanted.dtype}, got {result.dtype}"
    return None if result.isfinite().all() else "expected finite numbers, got NaN or infinity"


@partial(Rule, "leaves its inputs unchanged", manners=True)
def unchanged(_: Inputs, outputs: Outputs, __: Outputs) -> str | None:
    return "expected the inputs to stay as they are, but they were changed in place" if outputs["changed"] else None


@partial(Rule, "treats each item of a batch on its own", manners=True)
def independent(_: Inputs, outputs: Outputs, __: Outputs) -> str | None:
    same = close(outputs["alone"], outputs["result"][:1])
    return None if same else "expected each item to be treated on its own, but the first one alone gives another answer"


@partial(Rule, "leaves a change that is allowed as it is")
def keeps(inputs: Inputs, outputs: Outputs, right: Outputs) -> str | None:
    within = (right["result"] == inputs["delta"]).flatten(1).all(1)
    same = torch.allclose(outputs["result"][within], inputs["delta"][within], atol=1e-6)
    return None if same else "expected a change that is allowed already to stay as it is, but it was moved"


@partial(Rule, "leads downhill")
def downhill(inputs: Inputs, outputs: Outputs, _: Outputs) -> str | None:
    rises = ((inputs["gradient"] * outputs["result"]).flatten(1).sum(1) > 1e-9).any()
    return "expected a direction in which the loss falls, got one in which it rises" if rises else None


@partial(Rule, "keeps the length of each change")
def keeps_lengths(inputs: Inputs, outputs: Outputs, _: Outputs) -> str | None:
    same = torch.allclose(norms(outputs["result"]), norms(inputs["change"]), rtol=1e-4)
    return None if same else "expected a change of the same length as before"


@partial(Rule, "stays within [0, 1]")
def box(_: Inputs, outputs: Outputs, __: Outputs) -> str | None:
    low, high = outputs["result"].min().item(), outputs["result"].max().item()
    return None if low >= 0 and high <= 1 else f"expected pixels in [0, 1], got {low:.3g} to {high:.3g}"


def inside(name: str, length: Function = norms) -> Rule:
    """No result is further from its start, if there is a ball around it, than the radius."""

    def broken(inputs: Inputs, outputs: Outputs, _: Outputs) -> str | None:
        start = 0 if "delta" in inputs else inputs["start"]
        longest, radius = length(outputs["result"] - start).max().item(), inputs["radius"]
        return None if longest <= radius + 1e-4 else f"expected a length of at most {radius:.3g}, got {longest:.3g}"

    return Rule(name, broken)


def right_value(_: Inputs, outputs: Outputs, right: Outputs) -> str | None:
    result, wanted = outputs["result"].double(), right["result"].double()
    error, scale = (result - wanted).abs().max().item(), max(1.0, wanted.abs().max().item())
    return None if error <= TOLERANCE * scale else f"the largest error is {error:.3g}"


def value(name: str, points: float = 2.0) -> Rule:
    """The right numbers, in the words of the exercise."""
    return Rule(name, right_value, points)


MANNERS = independent, unchanged
IN_BALL = inside("ends within the L2 ball")


def mistakes(*parts: Any) -> dict[str, Function]:
    """Wrong answers by their hints, from a hint, its function, the next hint, and so on."""
    return dict(zip(parts[::2], parts[1::2], strict=True))
