"""A person's own picture, decoded safely: a square of pixels, or a ValueError in one sentence."""

from pathlib import Path
from typing import IO

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from course_lib.pixels import to_float

LARGEST_PICTURE = 50_000_000  # pixels; PIL alone would accept about 180 million


def read_picture(source: str | Path | IO[bytes] | Image.Image, size: int) -> Tensor:
    """A person's own picture as a start, (1, 3, size, size) in [0, 1]; see `read_square`."""
    return to_float(read_square(source, size))[None]


def read_square(source: str | Path | IO[bytes] | Image.Image, size: int) -> Tensor:
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
    except UnidentifiedImageError as error:
        raise ValueError(
            "expected a picture file (PNG, JPEG, ...), got something else: a phone's HEIC has to be saved as JPEG first"
        ) from error
    except Exception as error:  # what a decoder raises on a broken file is anyone's guess
        raise ValueError(f"expected a picture file (PNG, JPEG, ...), got something else: {error}") from error
    on_white = Image.alpha_composite(Image.new("RGBA", square.size, "white"), square).convert("RGB")
    return torch.from_numpy(np.array(on_white)).permute(2, 0, 1).contiguous()
