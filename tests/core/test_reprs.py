"""What a cell shows of a value that it ends in: one line, whatever the value holds. Values are found by looking."""

import inspect
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import pytest
import torch
from torch import nn

import course_lib
from course_lib import seeds
from course_lib.constraints import L2Ball
from course_lib.datasets.picturebook import PictureBook
from course_lib.one_line import LONGEST, OneLine

LARGE: dict[str, Any] = {
    "tensor": torch.rand(4, 3, 8, 8),
    "list": [torch.rand(50)] * 3,
    "dictionary": {"one\ntwo": "three\nfour" * 50},
    "text": "two\nlines " * 50,
    "function": lambda images: images,
    "module": nn.Sequential(nn.Flatten(), nn.ReLU()),
}
OTHERS = ("widgets", "checks", "grading", "__main__")  # rooms with a test of their own
SMALL = {"L2Ball", "LinfBall", "NoBall", "WholeBatchNorm"}  # a number or two, and layers that torch prints


def kinds() -> Iterator[type]:
    """Every class of values and networks of these rooms."""
    for _, name, _ in walk_packages(course_lib.__path__, "course_lib."):
        if name.split(".")[1] not in OTHERS:
            for kind in vars(import_module(name)).values():
                values = is_dataclass(kind) or (inspect.isclass(kind) and issubclass(kind, OneLine | nn.Module))
                if inspect.isclass(kind) and values and kind.__module__ == name:
                    yield kind


KINDS = list(kinds())


def holding(kind: type, part: Any) -> Any:
    """An object of this kind whose parts are all the same, made without its own checks."""
    value: Any = object.__new__(kind)
    if issubclass(kind, nn.Module):
        nn.Module.__init__(value)
        value.body = value.head = value.network = nn.Linear(2, 10**6)
        value.members = [torch.arange(100)] * 1000
    elif is_dataclass(kind):
        vars(value).update({field.name: part for field in fields(kind)})
    else:
        vars(value).update(images=part, labels=part, seed=1)
    return value


def test_the_rooms_are_looked_at() -> None:
    names = {kind.__name__ for kind in KINDS}
    assert {"Problem", "Frame", "L2Ball", "Mixture", "Classifier", "Block", "Bfloat16"} <= names
    assert {"Inception", "Normalise", "Grouped", "Torchvision", "Photographs", "PictureBook"} <= names
    assert {"Testbed", "Recipe", "Progress", "Run", "Collection", "Sketch"} <= names


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__qualname__)
def test_a_value_is_one_line_whatever_it_holds(kind: type) -> None:
    for name, part in LARGE.items():
        if kind.__name__ not in SMALL:
            shown = repr(holding(kind, part))
            assert shown.startswith(f"{kind.__name__}("), name
            assert len(shown) <= LONGEST, name
            assert "\n" not in shown, name


def test_what_is_small_is_shown_whole() -> None:
    assert repr(L2Ball(0.5)) == "L2Ball(radius=0.5)"
    assert repr(seeds.Uniform((3, 4, 4))) == "Uniform(shape=(3, 4, 4))"
    assert repr(PictureBook("test", size=32)).startswith("PictureBook(split='test', size=32, classes=10 items, ")
