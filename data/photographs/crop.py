"""Cuts the photographs of the course out of those of scikit-image (0.26): `python data/photographs/crop.py`.

Each one becomes a WebP file without loss beside this file: its central square, at 128 pixels. scikit-image is not one
of the course's packages; its data module says of each picture who made it and that it is free to use.
"""

from pathlib import Path

import skimage.data
from PIL import Image, ImageOps

SIDE = 128
NAMES = ("astronaut", "brick", "cat", "coffee", "grass", "gravel", "hubble_deep_field", "rocket")

for name in NAMES:
    square = ImageOps.fit(Image.fromarray(getattr(skimage.data, name)()), (SIDE, SIDE), Image.Resampling.LANCZOS)
    square.convert("RGB").save(Path(__file__).with_name(f"{name}.webp"), lossless=True, quality=100, method=6)
