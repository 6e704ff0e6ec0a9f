"""Contact sheets: pictures in rows, as bytes that a browser shows."""

import io

import numpy as np
from PIL import Image

GAP = 1  # pixels of the pictures' own size between two pictures of a sheet
GREY = 128
FORMS = {"png": {"compress_level": 6}, "jpeg": {"quality": 92, "subsampling": 0}, "webp": {"quality": 85}}


def sheet(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Pictures (B, H, W, 3) in rows of `columns`, with a thin grey line between: about (rows x H, columns x W, 3)."""
    count, height, width, _ = pictures.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    canvas = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), GREY, np.uint8)
    for number, picture in enumerate(pictures):
        top, left = number // columns * (height + GAP), number % columns * (width + GAP)
        canvas[top : top + height, left : left + width] = picture
    return canvas


def encode(picture: np.ndarray, kind: str) -> bytes:
    """A picture (H, W, 3) uint8: as "png" exact; as "jpeg", light and with all its colours; as "webp", lightest."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, kind, **FORMS[kind])
    return stream.getvalue()
