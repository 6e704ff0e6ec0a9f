"""Seed distributions G_y: where generation starts (Santurkar et al. 2019, section 3.1; Mastrocinque and Gibson).

All of them are fitted on training pictures only: seeds fitted on test pictures would leak them into the result.
`sample` gives one seed for each label, (B, 3, H, W) clamped to [0, 1], and takes its randomness from an explicit
generator.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.doors import check_labels
from course_lib.one_line import OneLine, brief
from course_lib.pixels import bicubic, nearest, to_float

TINY = 1e-12  # keeps a draw possible where every point is a centre already
JITTER = 0.01  # standard deviation; the authors add 1e-4 to the covariance's diagonal


class Seeds(Protocol):
    """A class-conditional distribution over images."""

    def sample(self, labels: Tensor, *, generator: torch.Generator) -> Tensor:
        """One seed for each of the labels (B,): (B, 3, H, W) in [0, 1]."""
        ...

    def centres(self, label: int) -> Tensor:
        """The mean pictures of a class: one, or of a mixture one for each of its parts, (parts, 3, H, W)."""
        ...


@dataclass(frozen=True, repr=False)
class Uniform(OneLine):
    """Every value uniform in [0, 1): noise that knows nothing of the data. `shape` is (3, H, W)."""

    shape: tuple[int, ...]

    def sample(self, labels: Tensor, *, generator: torch.Generator) -> Tensor:
        check_labels(labels)
        return torch.rand(len(labels), *self.shape, generator=generator, dtype=torch.float32)

    def centres(self, label: int) -> Tensor:
        return torch.full((1, *self.shape), 0.5, dtype=torch.float32)


@dataclass(frozen=True, repr=False)
class PixelNormal(OneLine):
    """Every value of every pixel normal on its own, with the class's mean and standard deviation at that place.

    `means` and `deviations` are (classes, 3, H, W), in units of pixels in [0, 1].
    """

    means: Tensor
    deviations: Tensor

    @classmethod
    def fit(cls, images: Tensor, labels: Tensor) -> "PixelNormal":
        """From uint8 training pictures (N, 3, H, W) and their labels (N,)."""
        groups = [to_float(group) for group in by_class(images, labels)]
        means = torch.stack([group.mean(0) for group in groups])
        return cls(means, torch.stack([group.std(0, correction=0) for group in groups]))

    def sample(self, labels: Tensor, *, generator: torch.Generator) -> Tensor:
        check_labels(labels, classes=len(self.means))
        noise = torch.randn(len(labels), *self.means.shape[1:], generator=generator, dtype=self.means.dtype)
        return (self.means[labels] + self.deviations[labels] * noise).clamp(0, 1)

    def centres(self, label: int) -> Tensor:
        return self.means[[label]]


class MultivariateNormal(OneLine):
    """G_y = N(mu_y, Sigma_y + jitter^2 I), the paper's choice, exact at full resolution and without a d x d matrix.

    With the N centred pictures of a class as rows of X, Sigma = X'X / N. For z ~ N(0, I_N) and xi ~ N(0, I_d) the sum
    mu + X'z / sqrt(N) + jitter * xi is normal with mean mu and covariance X'X / N + jitter^2 I: it IS such a sample.
    """

    def __init__(self, images: Tensor, labels: Tensor, *, jitter: float = JITTER) -> None:
        self.groups, self.jitter = by_class(images, labels), jitter
        self.means = torch.stack([to_float(group).mean(0) for group in self.groups])

    def sample(self, labels: Tensor, *, generator: torch.Generator) -> Tensor:
        check_labels(labels, classes=len(self.groups))
        seeds = self.means[labels]
        for label in labels.unique().tolist():
            rows = (labels == label).nonzero().squeeze(1)
            group = self.groups[label]
            z = torch.randn(len(rows), len(group), generator=generator, dtype=seeds.dtype) / len(group) ** 0.5
            z = z - z.mean(1, keepdim=True)  # the same as centring the pictures: X'z = (pictures - mu)'z
            seeds[rows] += (z @ to_float(group).flatten(1)).view(len(rows), *group.shape[1:])
        noise = torch.randn(seeds.shape, generator=generator, dtype=seeds.dtype)
        return (seeds + self.jitter * noise).clamp(0, 1)

    def centres(self, label: int) -> Tensor:
        return self.means[[label]]


class Mixture(OneLine):
    """A mixture of Gaussians for each class, one for each group of similar pictures; a richer G_y, says the paper.

    The groups come from k-means on thumbnails of a class's pictures; each has a weight in proportion to its size.
    """

    def __init__(self, images: Tensor, labels: Tensor, *, components: int = 6, jitter: float = JITTER) -> None:
        parts = list(similar(images, labels, components, generator=torch.Generator().manual_seed(0)))
        self.labels = torch.tensor([label for label, _ in parts])  # whose each Gaussian is
        self.weights = torch.tensor([len(pictures) for _, pictures in parts], dtype=torch.float32)
        which = torch.arange(len(parts)).repeat_interleave(self.weights.long())
        self.normals = MultivariateNormal(torch.cat([pictures for _, pictures in parts]), which, jitter=jitter)

    def sample(self, labels: Tensor, *, generator: torch.Generator) -> Tensor:
        return self.normals.sample(choose(self.weights, self.labels, labels, generator=generator), generator=generator)

    def centres(self, label: int) -> Tensor:
        return self.normals.means[self.labels == label]


@dataclass(frozen=True, repr=False)
class Upsampled(OneLine):
    """Seeds of another distribution, `factor` times as large: smooth, or as `blocks` of equal pixels.

    At 224 pixels the authors fit G_y on pictures of 56 x 56: Sigma is of rank N, in 150,528 dimensions otherwise. Both
    papers enlarge by blocks. Their edges are frequencies that no picture of the class has (the aliasing that Duke
    reports), and they stay visible in the result: so smooth, by bicubic interpolation, is the default here.
    """

    seeds: Seeds
    factor: int
    blocks: bool = False

    def sample(self, labels: Tensor, *, generator: torch.Generator) -> Tensor:
        return self.enlarged(self.seeds.sample(labels, generator=generator))

    def centres(self, label: int) -> Tensor:
        return self.enlarged(self.seeds.centres(label))

    def enlarged(self, images: Tensor) -> Tensor:
        """These pictures of the small distribution, as large as the seeds."""
        return (nearest if self.blocks else bicubic)(images, self.factor)


def upsampled(seeds: Seeds, factor: int) -> Seeds:
    """Seeds `factor` times as large, smooth; those of the picture's own size stay as they are."""
    return seeds if factor == 1 else Upsampled(seeds, factor)


@dataclass(frozen=True, repr=False)
class Kind(OneLine):
    """A kind of seeds. `fit(images, labels)` takes uint8 training pictures (N, 3, H, W) and their labels (N,).

    A `noise` kind starts far from any picture, and generation has settings of its own for it. A `blind` kind looks at
    no pictures: it gets none of the right size.
    """

    fit: Callable[[Tensor, Tensor], Seeds]
    noise: bool = False
    blind: bool = False


KINDS: dict[str, Kind] = {
    "uniform": Kind(lambda images, labels: Uniform(tuple(images.shape[1:])), noise=True, blind=True),
    "normal": Kind(PixelNormal.fit, noise=True),
    "multivariate": Kind(MultivariateNormal),
    "mixture": Kind(Mixture),
}
"""Every kind by name: what `testbed.seeds(name)`, the menus of the demos and the tables know."""


def similar(images: Tensor, labels: Tensor, groups: int, *, generator: torch.Generator) -> Iterator[tuple[int, Tensor]]:
    """Up to `groups` groups of similar pictures of each class, by k-means: (label, pictures) for each."""
    for label, pictures in enumerate(by_class(images, labels)):
        thumbnails = F.adaptive_avg_pool2d(to_float(pictures), 8).flatten(1)  # on which similar pictures are close
        group = k_means(thumbnails, groups, generator=generator)
        yield from ((label, pictures[group == number]) for number in group.unique())


def choose(weights: Tensor, owners: Tensor, labels: Tensor, *, generator: torch.Generator) -> Tensor:
    """For each label one of the parts that this class owns, at random by weight: indices (B,)."""
    check_labels(labels, classes=int(owners.max()) + 1)
    return torch.multinomial(weights * (labels[:, None] == owners), 1, generator=generator).squeeze(1)


def by_class(images: Tensor, labels: Tensor) -> list[Tensor]:
    """uint8 images (N, 3, H, W) -> one tensor for each class 0, 1, ...; at least one picture each."""
    if not isinstance(images, Tensor) or images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"expected uint8 images (N, 3, H, W), got {brief(images)}")
    check_labels(labels, count=len(images))
    counts = labels.bincount()
    if not len(counts) or not counts.all():
        raise ValueError(f"expected at least one picture of every class, got {counts.tolist()[:20]} of class 0, 1, ...")
    return [images[labels == label] for label in range(len(counts))]


def k_means(points: Tensor, groups: int, *, generator: torch.Generator, rounds: int = 20) -> Tensor:
    """Lloyd's algorithm: (N, d) -> the group of each point, (N,).

    It starts from points that are likely far apart (k-means++): each next one is drawn with the square of its distance
    to those before as its weight. Without that, two centres often share one group while another has none.
    """
    centres = points[torch.randint(len(points), (1,), generator=generator)]
    for _ in range(groups - 1):
        squares = torch.cdist(points, centres).amin(1).square()
        centres = torch.cat([centres, points[torch.multinomial(squares + TINY, 1, generator=generator)]])
    for _ in range(rounds):
        nearest = torch.cdist(points, centres).argmin(1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        counts = nearest.bincount(minlength=len(centres)).unsqueeze(1)
        centres = torch.where(counts > 0, sums / counts.clamp(min=1), centres)
    return nearest
