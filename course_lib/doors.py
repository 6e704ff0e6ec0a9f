"""Doors: what tasks, measures and seeds refuse before any work is done, in one sentence "expected ..., got ...".

They are passed once for each problem and never inside its loop, where an objective may add noise beyond [0, 1].
"""

import math
import operator
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.one_line import brief

SLACK = 1e-3  # beyond [0, 1], for rounding


def check(model: Any, images: Tensor, labels: Tensor) -> None:
    """The door of every task and measure that asks a model about pictures and their labels."""
    check_asked(model, images)
    known = getattr(unwrapped(model), "classes", None)
    check_labels(labels, count=len(images), classes=known if isinstance(known, int) else None)


def unwrapped(model: Any) -> Any:
    """The model inside `DataParallel` or `AveragedModel`."""
    return getattr(model, "module", model)


def check_asked(model: Any, images: Tensor) -> None:
    """ValueError for what is no model or no pictures, for pictures of another size than the model's, and NaN in it."""
    check_pixels(images)
    if not callable(model):
        raise ValueError(f"expected a model, got {brief(model)}")
    model = getattr(model, "__self__", model)  # whose `features` these are
    if not isinstance(model, nn.Module):
        return
    if any(module.training for module in unwrapped(model).modules()):  # batch norm would learn from what it is asked
        raise ValueError("expected a model in evaluation mode, got one in training mode: call its eval() first")
    size, (height, width) = getattr(unwrapped(model), "size", None), images.shape[2:]
    if size and (height, width) != (size, size):
        raise ValueError(f"expected pictures of {size} x {size} pixels for this model, got {height} x {width}")
    weights = [weight.detach() for weight in (*model.parameters(), *model.buffers()) if weight.is_floating_point()]
    sums = [weight.sum(dtype=torch.float32) for weight in weights]
    if sums and not torch.stack(sums).isfinite().all():
        raise ValueError("expected a model with finite weights, got NaN or infinity in some")


def check_pixels(images: Tensor, *, what: str = "pictures") -> None:
    """ValueError for anything but floats (B, 3, H, W) in [0, 1]."""
    check_batch(images, what)
    if images.shape[1] != 3:
        raise ValueError(f"expected {what} (B, 3, H, W), got shape {tuple(images.shape)}")
    check_range(images, f"expected {what} with pixels in [0, 1]", slack=SLACK)


def check_range(values: Tensor, wanted: str, *, slack: float = 0.0) -> None:
    """ValueError, which says what is `wanted`, for numbers beyond [0, 1] and for NaN."""
    low, high = torch.stack(values.detach().aminmax()).tolist() if values.numel() else (0.0, 1.0)  # one wait for a GPU
    if not (low >= -slack and high <= 1 + slack):
        raise ValueError(f"{wanted}, got {low:.3g} to {high:.3g}")


def check_batch(images: Tensor, what: str) -> None:
    """ValueError for anything but floats (B, C, H, W)."""
    if not isinstance(images, Tensor):
        raise ValueError(f"expected {what} as a tensor (B, 3, H, W) in [0, 1], got a {type(images).__name__}")
    if not images.is_floating_point():
        raise ValueError(f"expected {what} of floats in [0, 1], got {images.dtype}: pixels.to_float makes them")
    if images.ndim != 4:
        raise ValueError(f"expected {what} (B, 3, H, W), got shape {tuple(images.shape)}")


def check_pair(images: Tensor, truth: Tensor) -> None:
    """ValueError for anything but two batches of pictures in [0, 1], of which the second may hold one for all."""
    check_pixels(images)
    check_pixels(truth, what="true pictures")
    if images.shape[1:] != truth.shape[1:] or len(truth) not in (1, len(images)):
        raise ValueError(f"expected two batches of one shape, got {tuple(images.shape)} and {tuple(truth.shape)}")


def check_labels(labels: Tensor, *, count: int | None = None, classes: int | None = None) -> None:
    """ValueError for anything but integers (B,) from 0 on: `count` of them, below `classes`."""
    many = "" if count is None else f"{count} "
    got = brief(labels) if isinstance(labels, Tensor) else f"a {type(labels).__name__}"
    vector = isinstance(labels, Tensor) and labels.ndim == 1 and labels.dtype == torch.int64
    if not vector or count not in (None, len(labels)):
        raise ValueError(f"expected {many}labels as a vector of int64, torch.tensor([0, ...]), got {got}")
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < (classes or math.inf):
        bounds = "of at least 0" if classes is None else f"between 0 and {classes - 1}"
        raise ValueError(f"expected labels {bounds}, got {labels.tolist()[:10]}")


def check_mask(mask: Tensor, images: Tensor) -> None:
    """A mask (B or 1, 1, H, W) of the images' height and width, with values in [0, 1]."""
    count, _, height, width = images.shape
    wanted = f"expected a mask of floats in [0, 1], ({count} or 1, 1, {height}, {width})"
    fits = isinstance(mask, Tensor) and mask.shape in ((count, 1, height, width), (1, 1, height, width))
    if not fits or not mask.is_floating_point():
        raise ValueError(f"{wanted}, got {brief(mask)}")
    check_range(mask, wanted)


def check_ball(ball: Any) -> None:
    """ValueError for anything but one of `constraints`."""
    if isinstance(ball, type) or not hasattr(ball, "project"):
        raise ValueError(f"expected a ball such as L2Ball(5.0), got {brief(ball)}")


def check_whole(number: Any, what: str, *, low: int = 1, high: float = math.inf) -> None:
    """ValueError for anything but a whole number between two bounds."""
    try:
        fits = low <= operator.index(number) <= high
    except TypeError:
        fits = False
    if not fits:
        bounds = f"of at least {low}" if high == math.inf else f"between {low} and {high}"
        raise ValueError(f"expected a whole number {bounds} as {what}, got {brief(number)}")


def check_number(number: Any, what: str, *, low: float = -math.inf) -> None:
    """ValueError for anything but a finite number, or a tensor of them, that is not too low."""
    try:
        values = torch.as_tensor(math.nan if isinstance(number, list | tuple) else number)
        fits = bool((values.isfinite() & (values >= low)).all())
    except (TypeError, ValueError, RuntimeError):  # what torch says of things that are no numbers
        fits = False
    if not fits:
        bounds = "" if low == -math.inf else f" of at least {low:g}"
        raise ValueError(f"expected a finite number{bounds} as {what}, got {brief(number)}")


def plain(tensor: Tensor) -> Tensor:
    """The same numbers without their past: no graph behind them, and no `torch.inference_mode`, which forbids one."""
    with torch.inference_mode(False):
        return tensor.clone() if tensor.is_inference() else tensor.detach()
