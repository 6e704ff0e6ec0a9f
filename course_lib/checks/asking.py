"""How students' cells are run, in a notebook's check and where they are graded, and what is asked of their functions.

This file imports nothing of the course: the grader copies it, alone, to where students' code runs.
"""

import ast
import asyncio
import builtins
import inspect
import linecache
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from numbers import Real
from threading import Thread
from typing import Any
from unittest.mock import MagicMock, patch

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Function = Callable[..., Any]
Inputs = dict[str, Any]
"""The arguments of a function by name: tensors and numbers."""
Outputs = dict[str, Tensor]
"""What came of the calls: "result", "changed" (1 where an input was changed in place), and "alone" where asked for."""
SECONDS = 20.0  # for an exercise
LATE = "did not end within {:g} s: is there a loop without an end?"
EAGER = patch.object(torch, "compile", lambda function=None, **_: function or (lambda inner: inner))
"""Within it nothing is compiled: that takes long, and needs a compiler."""
BORROWED = "expected a cell that stands on its own, but this one needs {}: the grader has only torch, F and your cell"


class NothingToAskError(ValueError):
    """There is no function to ask."""


@dataclass(frozen=True)
class Ask:
    """Call a function with inputs by name, and once more with the first item of the inputs named in `alone`.

    Functions cannot travel to where the calls are made, tensors can. So with `model`, the input "weights" becomes a
    linear classifier "model"; with `attack`, "delta" becomes an attack that adds it to even labels, and takes it away
    from odd ones.
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
            inputs["attack"] = lambda images, labels: (images + delta * (1 - 2 * (labels % 2)).view(-1, 1, 1, 1)).clamp(
                0, 1
            )
        if self.model:
            weights = inputs.pop("weights")
            inputs["model"] = lambda images: images.flatten(1) @ weights.T
        return function(**inputs)


def copied(inputs: Inputs) -> Inputs:
    return {name: value.clone() if isinstance(value, Tensor) else value for name, value in inputs.items()}


def packed(cases: Sequence[Inputs]) -> dict[str, Tensor]:
    """The inputs of all cases as tensors: "0/delta" and so on."""
    parts = {f"{case}/{name}": part for case, inputs in enumerate(cases) for name, part in inputs.items()}
    return {name: torch.as_tensor(np.asarray(part)).contiguous() for name, part in parts.items()}


def unpacked(parts: Mapping[str, Tensor]) -> list[Inputs]:
    """What `packed` was given: numbers are numbers again."""
    cases: dict[str, Inputs] = defaultdict(dict)
    for place in sorted(parts):
        case, _, name = place.partition("/")
        cases[case][name] = parts[place] if parts[place].ndim else parts[place].item()
    return [cases[str(case)] for case in range(len(cases))]


def tensor(result: Any) -> Tensor:
    """A function's answer as a tensor of its own; TypeError for anything that is not a tensor or a number."""
    if isinstance(result, Real):
        return torch.tensor(float(result), dtype=torch.float64)
    if not isinstance(result, Tensor):
        kind = "nothing: is there a return?" if result is None else f"a {type(result).__name__}"
        raise TypeError(f"expected the function to return a tensor, got {kind}")
    return result.detach().clone().contiguous()


def defined(name: str, sources: Sequence[str], given: Mapping[str, Any] | None = None) -> Function:
    """The function that cells define, run in a space of their own as in a notebook: after one that failed, the next.

    `given` has builtins that stand in the place of Python's.
    """
    space: dict[str, Any] = {"__name__": "__main__", "torch": torch, "F": F, "display": lambda *_, **__: None}
    space["__builtins__"] = vars(builtins) | {"input": nobody_types} | dict(given or {})
    failed: Exception | None = None
    for number, source in enumerate(sources):
        try:
            run(source, f"<{name}, cell {number + 1}>", space)
        except Exception as error:
            failed = failed or error
    function = space.get(name)
    if not callable(function):
        raise failed or NothingToAskError(f"expected a function {name} in the cell of this exercise, got none")
    return function


def run(source: str, name: str, space: dict[str, Any]) -> None:
    """Run a cell as IPython understands it; magics run the code below them, and commands do nothing."""
    try:
        code = compiled(source, name)
    except SyntaxError:  # what is plain Python, IPython leaves as it is
        from IPython.core.inputtransformer2 import TransformerManager

        shell = MagicMock()
        shell.run_cell_magic = lambda magic, _, inner: run(inner, f"{name[:-1]}, {magic}>", space)
        space["get_ipython"] = lambda: shell
        source = TransformerManager().transform_cell(source)
        code = compiled(source, name)
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    if code.co_flags & inspect.CO_COROUTINE:
        awaited(eval(code, space))
    else:
        exec(code, space)


def compiled(source: str, name: str) -> Any:
    return compile(source, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def awaited(coroutine: Coroutine[Any, Any, None]) -> None:
    """Wait for a cell with `await`, in a thread: a notebook's own has a loop already."""
    ended: Future[None] = Future()

    def finish() -> None:
        try:
            ended.set_result(asyncio.run(coroutine))
        except BaseException as error:
            ended.set_exception(error)

    Thread(target=finish, daemon=True).start()
    ended.result()


def nobody_types(*_: Any) -> str:
    raise EOFError("input() waits for ever where cells are graded: nobody types there")


def ended(error: BaseException) -> str:
    """How a student's function ended, in one line."""
    if isinstance(error, NothingToAskError | TimeoutError):
        return str(error)
    missing = getattr(error, "name", None) if isinstance(error, NameError | ModuleNotFoundError) else None
    text = BORROWED.format(missing) if missing else " ".join(str(error).split())
    return f"ended in {type(error).__name__}: {text[:300]}"
