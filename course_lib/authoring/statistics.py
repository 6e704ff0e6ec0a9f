"""Measure a data set's training pictures, and write their statistics, from which seeds are drawn without pictures."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from course_lib.datasets.collections import COLLECTIONS, terms
from course_lib.datasets.photographs import Photographs
from course_lib.pixels import shrink, to_float
from course_lib.seeds import PixelNormal, similar
from course_lib.storage.files import save_tensors
from course_lib.testbeds.statistics import FOLDER, GROUPS, PrincipalNormals

GRID = 16  # blocks across a picture; the authors have 56 across 224 pixels
COMPONENTS = {"multivariate": 64, "mixture": 24}  # of each normal


def principal(images: Tensor, labels: Tensor, *, groups: int, components: int, block: int) -> PrincipalNormals:
    """Fit uint8 training pictures (N, 3, H, W), seen in blocks of `block` pixels.

    Each class gets `groups` normals (by k-means) of so many `components` each.
    """
    parts = list(similar(images, labels, groups, generator=torch.Generator().manual_seed(0)))
    fitted = [leading(shrink(to_float(pictures), block), components) for _, pictures in parts]
    means, factors, residuals = (torch.stack(column) for column in zip(*fitted, strict=True))
    weights = torch.tensor([float(len(pictures)) for _, pictures in parts])
    owners = torch.tensor([label for label, _ in parts])
    return PrincipalNormals(owners, weights, means, factors, residuals)


def leading(points: Tensor, components: int) -> tuple[Tensor, Tensor, Tensor]:
    """(mean, components times their standard deviations, standard deviation of what is left) of (N, 3, h, w)."""
    rows = points.flatten(1)
    centred = (rows - rows.mean(0)) / len(rows) ** 0.5
    _, deviations, directions = torch.linalg.svd(centred, full_matrices=False)
    factors = torch.zeros(components, rows.shape[1])
    kept = min(components, len(deviations))
    factors[:kept] = deviations[:kept, None] * directions[:kept]
    left = (centred.square().sum() - factors.square().sum()).clamp(min=0) / rows.shape[1]
    return rows.mean(0).view(points.shape[1:]), factors.view(components, *points.shape[1:]), left.sqrt()


def write_statistics(name: str, images: Tensor, labels: Tensor, *, folder: Path = FOLDER) -> None:
    """Measure training pictures and write `name`.safetensors (half precision, the components in bytes) and its card."""
    size, block = images.shape[-1], max(1, images.shape[-1] // GRID)
    pixels = PixelNormal.fit(images, labels)
    tensors = {"normal.means": pixels.means, "normal.deviations": pixels.deviations}
    captured = {}
    for kind, groups in GROUPS.items():
        normals = principal(images, labels, groups=groups, components=COMPONENTS[kind], block=block)
        tensors |= {f"{kind}.{key}": value for key, value in vars(normals).items() if key != "factors"}
        tensors |= {f"{kind}.{key}": value for key, value in compressed(normals.factors).items()}
        captured[kind] = [round(share, 3) for share in normals.captured.tolist()]
    halves = {key: (value.half() if value.is_floating_point() else value) for key, value in tensors.items()}
    measured = {"pictures": len(images), "size": size, "block": block, "captured share": captured}
    save_tensors(folder / name, halves, {"name": name, **terms(name), **measured})


def compressed(factors: Tensor) -> dict[str, Tensor]:
    """Components (N, k, 3, h, w) as "bytes" between -127 and 127 times "units" (N, k, 1, 1, 1): half of the space."""
    units = factors.abs().amax((2, 3, 4), keepdim=True).clamp(min=1e-6) / 127
    return {"units": units, "bytes": (factors / units).round().to(torch.int8)}


def statistics(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m course_lib statistics", description=__doc__)
    parser.add_argument("name", choices=COLLECTIONS)
    parser.add_argument("--size", type=int, default=64, help="of the pictures, in pixels (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    book = Photographs(COLLECTIONS[chosen.name], "train", size=chosen.size)
    write_statistics(chosen.name, book.images(), book.labels)
