"""Pixels: tensors (B, 3, H, W) in [0, 1], resizing, and pictures in and out."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor

LARGEST_PICTURE = 50_000_000  # pixels; PIL alone would accept about 180 million
SLACK = 1e-3  # beyond [0, 1], for rounding


def to_float(images: Tensor) -> Tensor:
    """uint8 images 0..255 -> float images 0..1."""
    return images.float().div_(255)


def check_pixels(images: Tensor, *, what: str = "pictures") -> None:
    """ValueError in one sentence for anything but floats (B, 3, H, W) in [0, 1]."""
    if not isinstance(images, Tensor):
        raise ValueError(f"expected {what} as a tensor (B, 3, H, W) in [0, 1], got a {type(images).__name__}")
    if not images.is_floating_point():
        raise ValueError(f"expected {what} of floats in [0, 1], got {images.dtype}: pixels.to_float makes them")
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"expected {what} (B, 3, H, W), got shape {tuple(images.shape)}")
    low, high = torch.stack(images.detach().aminmax()).tolist() if images.numel() else (0.0, 1.0)
    if not (low >= -SLACK and high <= 1 + SLACK):  # NaN is neither
        raise ValueError(f"expected {what} with pixels in [0, 1], got {low:.3g} to {high:.3g}")


def check_labels(labels: Tensor, *, count: int | None = None, classes: int | None = None) -> None:
    """ValueError in one sentence for anything but integers (B,) from 0 on: `count` of them, below `classes`."""
    many = "" if count is None else f"{count} "
    if not isinstance(labels, Tensor) or labels.ndim != 1 or labels.dtype != torch.int64:
        came = f"{labels.dtype} {[*labels.shape]}" if isinstance(labels, Tensor) else repr(labels)[:60]
        raise ValueError(f"expected {many}labels as a vector of integers, torch.tensor([0, ...]), got {came}")
    if count is not None and len(labels) != count:
        raise ValueError(f"expected {count} labels, got {len(labels)}")
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < (classes or 2**62):
        bounds = "of at least 0" if classes is None else f"between 0 and {classes - 1}"
        raise ValueError(f"expected labels {bounds}, got {labels.tolist()[:10]}")


def shrink(images: Tensor, factor: int) -> Tensor:
    """The mean of every factor x factor block: (B, C, H, W) -> (B, C, H/factor, W/factor)."""
    height, width = images.shape[-2:]
    if height % factor or width % factor:
        raise ValueError(f"expected a height and width that {factor} divides, got {height} x {width}")
    return F.avg_pool2d(images, factor)


def nearest(images: Tensor, factor: int) -> Tensor:
    """Nearest-neighbour upsampling, the arrow of Santurkar et al. 2019, eq. 4."""
    return images.repeat_interleave(factor, -2).repeat_interleave(factor, -1)


def bicubic(images: Tensor, factor: int) -> Tensor:
    """Bicubic upsampling, clipped to [0, 1]."""
    return F.interpolate(images, scale_factor=factor, mode="bicubic", align_corners=False).clamp(0, 1)


def psnr(images: Tensor, truth: Tensor, mask: Tensor | None = None) -> Tensor:
    """Peak signal-to-noise ratio of each image in dB: (B, C, H, W) twice -> (B,). With a mask (1 = look here), inside
    it."""
    squares = (images - truth).square()
    weights = torch.ones_like(squares) if mask is None else mask.expand_as(squares)
    mean_square = (squares * weights).flatten(1).sum(1) / weights.flatten(1).sum(1)
    return -10 * torch.log10(mean_square.clamp(min=1e-12))


def read_picture(source: str | Path | Image.Image, size: int) -> Tensor:
    """A person's own picture as a start, (1, 3, size, size) in [0, 1]; see `read_square`."""
    return to_float(read_square(source, size))[None]


def read_square(source: str | Path | Image.Image, size: int) -> Tensor:
    """The central square of a picture, (3, size, size) uint8, on white where it is transparent.

    Raises ValueError in one sentence where the file is no picture or is too large to decode safely.
    """
    try:
        with source if isinstance(source, Image.Image) else Image.open(source) as picture:
            width, height = picture.size
            if width * height > LARGEST_PICTURE:
                raise Image.DecompressionBombError(f"{width} x {height}")
            upright = ImageOps.exif_transpose(picture).convert("RGBA")
        square = ImageOps.fit(upright, (size, size), Image.Resampling.LANCZOS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"expected a picture of at most {LARGEST_PICTURE:,} pixels, got more: {error}") from error
    except Exception as error:  # what a decoder raises on a broken file is anyone's guess
        raise ValueError(f"expected a picture file (PNG, JPEG, ...), got something else: {error}") from error
    on_white = Image.alpha_composite(Image.new("RGBA", square.size, "white"), square).convert("RGB")
    return torch.from_numpy(np.array(on_white)).permute(2, 0, 1).contiguous()


def to_uint8(images: Tensor) -> np.ndarray:
    """Float images (B, 3, H, W) -> uint8 arrays (B, H, W, 3), rounded."""
    return (images.detach().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
