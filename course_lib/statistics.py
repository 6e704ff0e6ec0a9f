"""Class statistics of photographs, small enough to ship: seeds without the pictures they were fitted on.

    python -m course_lib.statistics imagenette      measure a data set's training pictures, write data/statistics

As the authors do at 224 pixels, a seed is drawn on the means of blocks of pixels and upsampled by nearest neighbour.
Of a class's covariance the leading components ship; the rest of its variance becomes noise that is the same everywhere.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from course_lib.pixels import nearest, shrink
from course_lib.seeds import PixelNormal, Seeds, Upsampled, choose, similar
from course_lib.storage.files import DATA, load_tensors, save_tensors

FOLDER = DATA / "statistics"
GRID = 16  # blocks across a picture; the authors have 56 across 224 pixels
COMPONENTS = {"multivariate": 64, "mixture": 24}  # of each normal
GROUPS = {"multivariate": 1, "mixture": 4}  # normals of each class


@dataclass(frozen=True)
class PrincipalNormals:
    """G_y as one or more normals N(mu, F'F + s^2 I) for each class, on a grid of blocks of pixels.

    For N normals with k components on an h x w grid: `labels` (N,) says whose each one is, `weights` (N,) how likely,
    `means` (N, 3, h, w), `factors` (N, k, 3, h, w) the principal components times their standard deviations, and
    `residuals` (N,) the s of the variance that they leave. A block is `block` pixels wide.
    """

    labels: Tensor
    weights: Tensor
    means: Tensor
    factors: Tensor
    residuals: Tensor
    block: int

    def sample(self, labels: Tensor, *, generator: torch.Generator) -> Tensor:
        chosen = choose(self.weights, self.labels, labels, generator=generator)
        z = torch.randn(len(labels), self.factors.shape[1], generator=generator)
        noise = torch.randn(len(labels), *self.means.shape[1:], generator=generator)
        varied = torch.einsum("bk,bkchw->bchw", z, self.factors[chosen])
        seeds = self.means[chosen] + varied + self.residuals[chosen].view(-1, 1, 1, 1) * noise
        return nearest(seeds.clamp(0, 1), self.block)

    def centres(self, label: int) -> Tensor:
        return nearest(self.means[self.labels == label], self.block)

    @property
    def captured(self) -> Tensor:
        """The share of each normal's variance that its components hold, (N,)."""
        held = self.factors.square().flatten(1).sum(1)
        return held / (held + self.residuals.square() * self.means[0].numel())


def principal(images: Tensor, labels: Tensor, *, groups: int, components: int, block: int) -> PrincipalNormals:
    """Fit uint8 training pictures (N, 3, H, W), seen in blocks of `block` pixels: `groups` normals for each class (by
    k-means), `components` each."""
    parts = list(similar(images, labels, groups, generator=torch.Generator().manual_seed(0)))
    fitted = [leading(shrink(pictures.float() / 255, block), components) for _, pictures in parts]
    means, factors, residuals = (torch.stack(column) for column in zip(*fitted, strict=True))
    weights = torch.tensor([float(len(pictures)) for _, pictures in parts])
    owners = torch.tensor([label for label, _ in parts])
    return PrincipalNormals(owners, weights, means, factors, residuals, block)


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
        tensors |= {f"{kind}.{key}": value for key, value in vars(normals).items() if key not in ("block", "factors")}
        tensors |= {f"{kind}.{key}": value for key, value in coarse(normals.factors).items()}
        captured[kind] = [round(share, 3) for share in normals.captured.tolist()]
    halves = {key: (value.half() if value.is_floating_point() else value) for key, value in tensors.items()}
    card = {"name": name, "pictures": len(images), "size": size, "block": block, "captured share": captured}
    save_tensors(folder / name, halves, card)


def load_statistics(name: str, *, resolution: int | None = None, folder: Path = FOLDER) -> dict[str, Seeds]:
    """The seed distributions "normal", "multivariate" and "mixture" of a data set, at the size that was measured, or
    upsampled to a `resolution` that is some times larger. ValueError for a damaged file."""
    halves, card = load_tensors(folder / name)
    tensors = {key: value.float() if value.is_floating_point() else value for key, value in halves.items()}

    def of(kind: str) -> dict[str, Tensor]:
        return {key.removeprefix(f"{kind}."): value for key, value in tensors.items() if key.startswith(f"{kind}.")}

    def principal_normals(kind: str) -> PrincipalNormals:
        stored = of(kind)
        factors = stored.pop("units") * stored.pop("bytes")
        return PrincipalNormals(**stored, factors=factors, block=card["block"])

    seeds: dict[str, Seeds] = {"normal": PixelNormal(**of("normal"))}
    seeds |= {kind: principal_normals(kind) for kind in GROUPS}
    factor = (resolution or card["size"]) // card["size"]
    return seeds if factor == 1 else {kind: Upsampled(each, factor) for kind, each in seeds.items()}


def coarse(factors: Tensor) -> dict[str, Tensor]:
    """Components (N, k, 3, h, w) as "bytes" between -127 and 127 times "units" (N, k, 1, 1, 1): half of the space."""
    units = factors.abs().amax((2, 3, 4), keepdim=True).clamp(min=1e-6) / 127
    return {"units": units, "bytes": (factors / units).round().to(torch.int8)}


def main() -> None:
    from course_lib.datasets.collections import COLLECTIONS
    from course_lib.datasets.photographs import Photographs

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=COLLECTIONS)
    parser.add_argument("--size", type=int, default=64)
    arguments = parser.parse_args()
    book = Photographs(COLLECTIONS[arguments.name], "train", size=arguments.size)
    write_statistics(arguments.name, book.images(), book.labels)


if __name__ == "__main__":
    main()
