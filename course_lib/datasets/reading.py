"""A person's own picture, decoded safely: a square of pixels, or a ValueError in one sentence."""

import importlib
import math
import threading
from contextlib import nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from course_lib.pixels import to_float

LARGEST_PICTURE = 150_000_000  # pixels
Image.MAX_IMAGE_PIXELS = LARGEST_PICTURE  # PIL itself warns of a phone's 108 million
REDUCED = 2_000_000  # pixels of a picture from which it is decoded, or made, smaller first
ALONE, TURN = 8_000_000, threading.Lock()  # pixels in memory from which one picture is decoded at a time
SUFFIXES = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".ppm"}
SUFFIXES |= {".avif", ".heic", ".heif", ".hif"}  # where they can be read
UPRIGHT = dict(enumerate((0, 3, 1, 5, 4, 6, 2), 2))  # by Exif's orientation, what of Image.Transpose undoes it


@cache
def readable() -> frozenset[str]:
    """The suffixes of picture files that can be read here: from now on a phone's HEIC, too, by pillow-heif."""
    with suppress(ImportError):
        importlib.import_module("pillow_heif").register_heif_opener()
    return frozenset(SUFFIXES & Image.registered_extensions().keys())


def read_picture(source: str | Path | IO[bytes] | Image.Image, size: int) -> Tensor:
    """A person's own picture as a start, (1, 3, size, size) in [0, 1]; see `read_square`."""
    return to_float(read_square(source, size))[None]


def read_square(source: str | Path | IO[bytes] | Image.Image, size: int) -> Tensor:
    """The central square, (3, size, size) uint8, on white where transparent; ValueError for what cannot be read."""
    readable()  # so that PIL knows of HEIC
    try:
        with source if isinstance(source, Image.Image) else Image.open(source) as picture:
            width, height = picture.size
            if width * height > LARGEST_PICTURE:
                raise Image.DecompressionBombError(f"{width} x {height}")
            square = central(picture, size)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"expected a picture of at most {LARGEST_PICTURE:,} pixels, got more: {error}") from error
    except Exception as error:  # what a decoder raises on a broken file is anyone's guess
        unknown = isinstance(error, UnidentifiedImageError)
        cause = "a phone's HEIC has to be saved as JPEG first" if unknown else error
        raise ValueError(f"expected a picture file (PNG, JPEG, ...), got something else: {cause}") from error
    on_white = Image.alpha_composite(Image.new("RGBA", square.size, "white"), square).convert("RGB")
    return torch.from_numpy(np.array(on_white)).permute(2, 0, 1).contiguous()


def central(picture: Image.Image, size: int) -> Image.Image:
    """The central square, upright, in RGBA; of a large JPEG at most eight times as many pixels a side are decoded."""
    pixels = math.prod(picture.size)
    if large := pixels > REDUCED:
        picture.draft(None, (4 * size, 4 * size))
    if "progressive" not in picture.info:  # whose decoder holds the whole picture
        pixels = math.prod(picture.size)
    with TURN if pixels > ALONE else nullcontext():
        picture.load()
        turn, mode = UPRIGHT.get(picture.getexif().get(ExifTags.Base.Orientation, 1)), picture.mode
        if mode.startswith("I;16"):
            picture = picture.convert("I")
        elif mode in ("1", "P", "PA"):
            picture = picture.convert("RGBA")
        if large:
            side = min(picture.size)
            left, top = ((length - side) // 2 for length in picture.size)
            picture = picture.reduce(max(1, side // (4 * size)), (left, top, left + side, top + side))
    upright = deep(picture, mode) if picture.mode in ("I", "F") else picture
    upright = upright if turn is None else upright.transpose(Image.Transpose(turn))
    return ImageOps.fit(upright.convert("RGBA"), (size, size), Image.Resampling.LANCZOS)


def deep(picture: Image.Image, mode: str) -> Image.Image:
    """Grey of more than 8 bits, or of floats, as 8 bits. 16 bits keep their range, as in any viewer.

    Other numbers are taken to end at 1, 255 or 65,535; those of another range are stretched from least to greatest.
    """
    values = np.asarray(picture, dtype=np.float32)
    known = values[np.isfinite(values)]
    low, high = known.min(), known.max()
    ends = (65535,) if mode.startswith("I;16") else (255, 65535) if mode == "I" else (1, 255, 65535)
    first, last = next(((0, end) for end in ends if low >= 0 and high <= end), (low, max(high, low + 1e-6)))
    grey = (np.nan_to_num(values, nan=low).clip(low, high) - first) * (255 / (last - first))
    return Image.fromarray(grey.round().astype(np.uint8))
