"""Networks whose gradients are pleasant to look at, wrapped so that everything outside sees pixels in [0, 1].

Two choices matter for the pictures. The activation is smooth (SiLU), so gradients do not jump; and resolution is halved
by averaging before a convolution, because a strided convolution leaves checkerboards in the gradient.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.one_line import OneLine


class Classifier(nn.Module):
    """Pixels (B, 3, H, W) in [0, 1] -> logits (B, classes); normalisation lives inside.

    Answers come back to where the pixels are, so a network on a GPU serves pictures on the CPU.

    `body` maps normalised images to a feature map before its last activation, and the representation R of Santurkar et
    al. 2019 (the penultimate layer) is the spatial mean of that map after `activation`.
    """

    mean: Tensor
    std: Tensor
    size: int | None = None  # pixels of a side, where the network is for one size alone

    def __init__(
        self,
        body: nn.Module,
        head: nn.Linear,
        *,
        mean: Sequence[float] = (0.5, 0.5, 0.5),
        std: Sequence[float] = (0.25, 0.25, 0.25),
        activation: Callable[[Tensor], Tensor] = F.silu,
    ) -> None:
        super().__init__()
        self.body, self.head, self.activation = body, head, activation
        self.register_buffer("mean", torch.tensor(mean, dtype=head.weight.dtype).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=head.weight.dtype).view(1, 3, 1, 1))

    def features(self, images: Tensor, *, straight_through: bool = False) -> Tensor:
        """The representation R(x), (B, features).

        With `straight_through` the last activation passes gradients unchanged (the authors' "fake ReLU"), so that a
        unit that is off everywhere in the picture can still be painted.
        """
        before = self.body(self.normalised(images))
        after = self.activation(before)
        if straight_through:
            after = before + (after - before).detach()
        return after.mean((2, 3)).to(images.device)

    @property
    def classes(self) -> int:
        """How many answers there are."""
        return self.head.out_features

    def normalised(self, images: Tensor) -> Tensor:
        """What the body sees, of its own type and on its own device. ValueError for what are no pictures for it."""
        shape, size = tuple(images.shape), self.size
        if not images.is_floating_point():
            raise ValueError(f"expected pictures in [0, 1], got {images.dtype}: pixels.to_float makes them")
        if len(shape) != 4 or shape[1] != 3 or (size and not self.training and shape[2:] != (size, size)):
            raise ValueError(f"expected pictures (B, 3, {size or 'H'}, {size or 'W'}), got shape {shape}")
        return (images.to(self.mean) - self.mean) / self.std

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images).to(self.mean.device)).to(images.device)

    def __repr__(self) -> str:
        count = sum(parameter.numel() for parameter in self.parameters())
        size = f", {self.size} pixels" if self.size else ""
        return f"{type(self).__name__}({self.classes} answers, {count:,} parameters{size})"


class Block(OneLine, nn.Module):
    """Activation, average pooling where the resolution falls, then two 3 x 3 convolutions beside a skip connection."""

    def __init__(self, channels_in: int, channels: int, *, halve: bool) -> None:
        super().__init__()
        self.halve = halve
        self.conv1 = nn.Conv2d(channels_in, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        same = channels_in == channels
        self.skip = nn.Identity() if same else nn.Conv2d(channels_in, channels, 1, bias=False)
        self.skip_norm = nn.Identity() if same else nn.BatchNorm2d(channels)

    def forward(self, before: Tensor) -> Tensor:
        x = F.silu(before)
        if self.halve:
            x = F.avg_pool2d(x, 2)
        return self.skip_norm(self.skip(x)) + self.norm2(self.conv2(F.silu(self.norm1(self.conv1(x)))))


def residual_network(widths: Sequence[int], classes: int, *, halvings: Sequence[bool] | None = None) -> Classifier:
    """A stem, then one block for each width; `halvings` says which blocks halve the resolution, by default all."""
    stem = [nn.Conv2d(3, widths[0], 3, padding=1, bias=False), nn.BatchNorm2d(widths[0])]
    pairs = zip([widths[0], *widths], widths, halvings or [True] * len(widths), strict=False)
    body = nn.Sequential(*stem, *[Block(before, after, halve=halve) for before, after, halve in pairs])
    return Classifier(body, nn.Linear(widths[-1], classes))


def plain_network(widths: Sequence[int], classes: int) -> Classifier:
    """The judge's architecture: no skip connections, 5 x 5 kernels first, ReLU, and pooling AFTER each stage."""
    layers: list[nn.Module] = []
    for depth, (before, after) in enumerate(zip([3, *widths], widths, strict=False)):
        size = 5 if depth == 0 else 3
        layers += [nn.Conv2d(before, after, size, padding=size // 2, bias=False), nn.BatchNorm2d(after)]
        layers += [nn.ReLU(), nn.AvgPool2d(2)] if depth < len(widths) - 1 else []
    return Classifier(nn.Sequential(*layers), nn.Linear(widths[-1], classes), activation=F.relu)


def mixer_network(widths: Sequence[int], classes: int, *, halvings: int) -> Classifier:
    """Patches of 2^halvings pixels, then one layer for each width: a 7 x 7 convolution of each channel on its own
    beside a skip connection, and one across the channels (ConvMixer, Trockman and Kolter 2022)."""
    side = 2**halvings
    layers: list[nn.Module] = [nn.Conv2d(3, widths[0], side, stride=side, bias=False), nn.BatchNorm2d(widths[0])]
    layers += [Mixing(before, after) for before, after in pairwise([widths[0], *widths])]
    return Classifier(nn.Sequential(*layers), nn.Linear(widths[-1], classes), activation=F.gelu)


class Mixing(OneLine, nn.Module):
    """Across places, then across channels."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.places = nn.Conv2d(channels_in, channels_in, 7, padding=3, groups=channels_in, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_in)
        self.channels = nn.Conv2d(channels_in, channels, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, before: Tensor) -> Tensor:
        x = F.gelu(before)
        return self.norm2(self.channels(F.gelu(self.norm1(self.places(x))) + x))


def build(
    network: str, widths: Sequence[int], classes: int, *, halvings: Sequence[bool] | None = None, seed: int = 0
) -> Classifier:
    """A "residual", "plain" or "mixer" network in float32, freshly initialised from the random seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if network == "mixer":
            return mixer_network(widths, classes, halvings=2 if halvings is None else sum(halvings)).float()
        if network == "plain":
            return plain_network(widths, classes).float()
        return residual_network(widths, classes, halvings=halvings).float()
