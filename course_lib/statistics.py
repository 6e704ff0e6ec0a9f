"""Class statistics of photographs, small enough to ship: seeds without the pictures they were fitted on.

    python -m course_lib.statistics imagenette      measure a data set's training pictures, write data/statistics

As the authors do at 224 pixels, a seed is drawn on the means of 4 x 4 pixels and upsampled by nearest neighbour. Of a
class's covariance the leading components ship; the rest of its variance becomes noise that is the same everywhere.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load, save
from torch import Tensor

from course_lib.pixels import nearest, shrink
from course_lib.seeds import PixelNormal, Seeds, by_class, check_known, coarse, k_means
from course_lib.weights import digest, write

FOLDER = Path(__file__).resolve().parent.parent / "data" / "statistics"
BLOCK = 4  # pixels; the authors' 56 x 56 of 224 x 224
COMPONENTS = {"multivariate": 64, "mixture": 24}  # of each normal
GROUPS = {"multivariate": 1, "mixture": 4}  # normals of each class


@dataclass(frozen=True)
class PrincipalNormals:
    """G_y as one or more normals N(mu, F'F + s^2 I) for each class, on a grid of blocks of pixels.

    For N normals with k components on an h x w grid: `labels` (N,) says whose each one is, `weights` (N,) how likely,
    `means` (N, 3, h, w), `factors` (N, k, 3, h, w) the principal components times their standard deviations, and
    `residuals` (N,) the s of the variance that they leave.
    """

    labels: Tensor
    weights: Tensor
    means: Tensor
    factors: Tensor
    residuals: Tensor

    def sample(self, labels: Tensor, *, generator: torch.Generator) -> Tensor:
        check_known(labels, int(self.labels.max()) + 1)
        likely = self.weights * (labels[:, None] == self.labels)
        chosen = torch.multinomial(likely, 1, generator=generator).squeeze(1) if len(labels) else labels
        z = torch.randn(len(labels), self.factors.shape[1], generator=generator)
        noise = torch.randn(len(labels), *self.means.shape[1:], generator=generator)
        varied = torch.einsum("bk,bkchw->bchw", z, self.factors[chosen])
        seeds = self.means[chosen] + varied + self.residuals[chosen].view(-1, 1, 1, 1) * noise
        return nearest(seeds.clamp(0, 1), BLOCK)

    @property
    def captured(self) -> Tensor:
        """The share of each normal's variance that its components hold, (N,)."""
        held = self.factors.square().flatten(1).sum(1)
        return held / (held + self.residuals.square() * self.means[0].numel())


def principal(images: Tensor, labels: Tensor, *, groups: int, components: int) -> PrincipalNormals:
    """Fit uint8 training pictures (N, 3, H, W): `groups` normals for each class (by k-means), `components` each."""
    generator = torch.Generator().manual_seed(0)
    parts = []
    for label, pictures in enumerate(by_class(images, labels)):
        group = k_means(coarse(pictures), groups, generator=generator)
        parts += [(label, pictures[group == number]) for number in range(groups) if (group == number).any()]
    fitted = [leading(shrink(pictures.float() / 255, BLOCK), components) for _, pictures in parts]
    means, factors, residuals = (torch.stack(column) for column in zip(*fitted, strict=True))
    weights = torch.tensor([float(len(pictures)) for _, pictures in parts])
    return PrincipalNormals(torch.tensor([label for label, _ in parts]), weights, means, factors, residuals)


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
    """Measure training pictures and write `name`.safetensors (half precision) and its JSON card."""
    pixels = PixelNormal.fit(images, labels)
    tensors = {"normal.means": pixels.means, "normal.deviations": pixels.deviations}
    captured = {}
    for kind, groups in GROUPS.items():
        normals = principal(images, labels, groups=groups, components=COMPONENTS[kind])
        tensors |= {f"{kind}.{key}": value for key, value in vars(normals).items()}
        captured[kind] = [round(share, 3) for share in normals.captured.tolist()]
    data = save({key: (value.half() if value.is_floating_point() else value) for key, value in tensors.items()})
    card = {"name": name, "pictures": len(images), "size": images.shape[-1], "block": BLOCK, "captured share": captured}
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / f"{name}.safetensors", data)
    write(folder / f"{name}.json", (json.dumps(card | {"sha256": digest(data)}, indent=2) + "\n").encode())


def load_statistics(name: str, *, folder: Path = FOLDER) -> dict[str, Seeds]:
    """The seed distributions "normal", "multivariate" and "mixture" of a data set; ValueError for a damaged file."""
    data, card = (folder / f"{name}.safetensors").read_bytes(), json.loads((folder / f"{name}.json").read_text())
    if digest(data) != card["sha256"]:
        raise ValueError(f"expected {name}.safetensors with SHA-256 {card['sha256']}, got {digest(data)}")
    tensors = {key: value.float() if value.is_floating_point() else value for key, value in load(data).items()}

    def of(kind: str) -> dict[str, Tensor]:
        return {key.removeprefix(f"{kind}."): value for key, value in tensors.items() if key.startswith(f"{kind}.")}

    return {"normal": PixelNormal(**of("normal"))} | {kind: PrincipalNormals(**of(kind)) for kind in GROUPS}


def main() -> None:
    from course_lib.datasets.photographs import COLLECTIONS, Photographs

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=COLLECTIONS)
    parser.add_argument("--size", type=int, default=64)
    arguments = parser.parse_args()
    book = Photographs(COLLECTIONS[arguments.name], "train", size=arguments.size)
    write_statistics(arguments.name, book.images(), book.labels)


if __name__ == "__main__":
    main()
