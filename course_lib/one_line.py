"""One line for every value: a cell that ends in one shows what it is, not thousands of numbers."""

from dataclasses import fields, is_dataclass
from typing import Any

import torch

LONGEST, WIDEST = 200, 60  # characters of a line, and of one of its parts


class OneLine:
    """Values that hold tensors, functions or long texts: `Name(part=..., ...)` in at most `LONGEST` characters."""

    def __repr__(self) -> str:
        held = [*vars(self), *vars(self).get("_modules", ())]
        names = [field.name for field in fields(self)] if is_dataclass(self) else held
        parts = [f"{name}={brief(getattr(self, name))}" for name in names if not name.startswith("_")]
        return cut(f"{type(self).__name__}({', '.join(parts)})", LONGEST)


def brief(value: Any) -> str:
    """A value in a few words: type and shape of numbers, the name of a function, how many items."""
    if isinstance(value, torch.Tensor) or type(value).__module__ == "numpy":
        return f"{str(getattr(value, 'dtype', type(value).__name__)).removeprefix('torch.')} {[*value.shape]}"
    if isinstance(value, torch.nn.Module) or (callable(value) and not isinstance(value, type | OneLine)):
        return str(getattr(value, "__qualname__", type(value).__name__)).rpartition(">.")[2]
    if isinstance(value, dict | list | tuple | set | frozenset) and (len(value) > 4 or len(repr(value)) > WIDEST):
        return f"{len(value)} items"
    return cut(" ".join(repr(value).split()), WIDEST)


def cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
