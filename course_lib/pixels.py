"""Pixels: tensors (B, 3, H, W) in [0, 1], resizing, and pictures out."""

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from course_lib.doors import check_whole


def to_float(images: Tensor) -> Tensor:
    """uint8 images 0..255 -> float images 0..1."""
    return images.float().div_(255)


def shrink(images: Tensor, factor: int) -> Tensor:
    """The mean of every factor x factor block: (B, C, H, W) -> (B, C, H/factor, W/factor)."""
    check_whole(factor, "factor")
    height, width = images.shape[-2:]
    if height % factor or width % factor:
        raise ValueError(f"expected a height and width that {factor} divides, got {height} x {width}")
    return F.avg_pool2d(images, factor)


def nearest(images: Tensor, factor: int) -> Tensor:
    """Nearest-neighbour upsampling, the arrow of Santurkar et al. 2019, eq. 4."""
    check_whole(factor, "factor")
    return images.repeat_interleave(factor, -2).repeat_interleave(factor, -1)


def bicubic(images: Tensor, factor: int) -> Tensor:
    """Bicubic upsampling, clipped to [0, 1]."""
    check_whole(factor, "factor")
    return F.interpolate(images, scale_factor=factor, mode="bicubic", align_corners=False).clamp(0, 1)


def back_projected(images: Tensor, small: Tensor, *, rounds: int = 5) -> Tensor:
    """Pictures near `images` that shrink to `small`, by iterated back-projection (Irani and Peleg 1991).

    In each round what the shrunk picture lacks is enlarged and added. It knows of no class.
    """
    factor = images.shape[-1] // small.shape[-1]
    for _ in range(rounds):
        missing = F.interpolate(small - shrink(images, factor), scale_factor=factor, mode="bicubic")
        images = (images + missing).clamp(0, 1)
    return images


def to_uint8(images: Tensor) -> np.ndarray:
    """Float images (B, 3, H, W) -> uint8 arrays (B, H, W, 3), rounded."""
    return (images.detach().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
