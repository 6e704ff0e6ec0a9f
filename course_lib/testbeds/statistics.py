"""Class statistics of photographs, small enough to ship: seeds without the pictures they were fitted on.

As the authors do at 224 pixels, a seed is drawn on a grid, the means of blocks of pixels, and upsampled. Of a class's
covariance the leading components ship; the rest of its variance becomes noise that is the same everywhere.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.one_line import OneLine
from course_lib.seeds import PixelNormal, Seeds, choose, upsampled
from course_lib.storage.files import DATA, load_tensors

FOLDER = DATA / "statistics"
GROUPS = {"multivariate": 1, "mixture": 4}  # normals of each class


@dataclass(frozen=True, repr=False)
class PrincipalNormals(OneLine):
    """G_y as one or more normals N(mu, F'F + s^2 I) for each class, on a grid of blocks of pixels.

    For N normals with k components on an h x w grid: `labels` (N,) says whose each one is, `weights` (N,) how likely,
    `means` (N, 3, h, w), `factors` (N, k, 3, h, w) the principal components times their standard deviations, and
    `residuals` (N,) the s of the variance that they leave. Seeds are as small as the grid: `Upsampled` enlarges them.
    """

    labels: Tensor
    weights: Tensor
    means: Tensor
    factors: Tensor
    residuals: Tensor

    def sample(self, labels: Tensor, *, generator: torch.Generator) -> Tensor:
        chosen = choose(self.weights, self.labels, labels, generator=generator)
        z = torch.randn(len(labels), self.factors.shape[1], generator=generator, dtype=self.means.dtype)
        noise = torch.randn(len(labels), *self.means.shape[1:], generator=generator, dtype=self.means.dtype)
        varied = torch.einsum("bk,bkchw->bchw", z, self.factors[chosen])
        return (self.means[chosen] + varied + self.residuals[chosen].view(-1, 1, 1, 1) * noise).clamp(0, 1)

    def centres(self, label: int) -> Tensor:
        return self.means[self.labels == label]

    @property
    def captured(self) -> Tensor:
        """The share of each normal's variance that its components hold, (N,)."""
        held = self.factors.square().flatten(1).sum(1)
        return held / (held + self.residuals.square() * self.means[0].numel())


def load_statistics(name: str, *, resolution: int | None = None, folder: Path = FOLDER) -> dict[str, Seeds]:
    """The seed distributions "normal", "multivariate" and "mixture" of a data set.

    They have the size that was measured, or are upsampled to a `resolution` that is some times larger. ValueError for
    a damaged file.
    """
    halves, card = load_tensors(folder / name)
    tensors = {key: value.float() if value.is_floating_point() else value for key, value in halves.items()}

    def of(kind: str) -> dict[str, Tensor]:
        return {key.removeprefix(f"{kind}."): value for key, value in tensors.items() if key.startswith(f"{kind}.")}

    resolution = resolution or card["size"]
    factor = math.ceil(resolution / card["size"])
    maps = {name: F.adaptive_avg_pool2d(each, resolution // factor) for name, each in of("normal").items()}
    seeds: dict[str, Seeds] = {"normal": upsampled(PixelNormal(**maps), factor)}
    for kind in GROUPS:
        stored = of(kind)
        factors = stored.pop("units") * stored.pop("bytes")
        seeds[kind] = upsampled(PrincipalNormals(**stored, factors=factors), card["block"] * resolution // card["size"])
    return seeds
