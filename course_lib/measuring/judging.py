"""What a judge, a network that the synthesis never uses, says of pictures; and a control for it to see.

Problems are solved and pictures are judged in batches that fit into memory.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_lib.constraints import norms
from course_lib.doors import check, check_asked
from course_lib.pgd import Problem, solve

BATCH, LARGE = 50, 8  # pictures at once; of 224 x 224 pixels, which take a ResNet-50 a gigabyte
ON_A_GPU = 16  # times as many

Network = Callable[[Tensor], Tensor]
"""Images (B, 3, H, W) in [0, 1] -> (B, numbers): a classifier's logits, or a representation."""


@torch.no_grad()
def outputs(network: Network, images: Tensor, *, batch_size: int = 100) -> Tensor:
    """What a network says of images, computed in batches: (N, 3, H, W) -> (N, numbers).

    Numbers (N, numbers) that are known already go to the network as they are: `nn.Identity()` passes them on.
    """
    check_shown(network, images)
    return torch.cat([network(part) for part in images.split(batch_size)])


def check_shown(network: Network, images: Tensor) -> None:
    """The door of `outputs`: pictures for this network, or numbers (N, numbers)."""
    if not isinstance(images, Tensor) or images.ndim != 2:
        check_asked(network, images)


def judged(judge: Network, images: Tensor, labels: Tensor) -> Tensor:
    """Which images the judge assigns to the wanted class: (N, 3, H, W) and (N,) -> (N,) booleans."""
    check(judge, images, labels)
    return outputs(judge, images).argmax(1) == labels


def certainty(judge: Network, images: Tensor, labels: Tensor) -> Tensor:
    """The probability that the judge gives to the wanted class: (N, 3, H, W) and (N,) -> (N,)."""
    check(judge, images, labels)
    return outputs(judge, images).softmax(1).gather(1, labels[:, None]).squeeze(1)


def features_of(judge: Any) -> Network:
    """The representation of a judge (B, features); its answers, where it is no `Classifier`."""
    return judge.features if hasattr(judge, "features") else judge


def random_change(starts: Tensor, results: Tensor) -> Tensor:
    """A control: every start moved in a random direction, as far as it was moved in `results`."""
    noise = torch.randn(starts.shape, generator=torch.Generator().manual_seed(0), dtype=starts.dtype)
    noise = noise.to(starts.device)  # the same noise on every device
    return (starts + noise * norms(results - starts) / norms(noise)).clamp(0, 1)


def in_batches(make: Callable[..., Problem], *tensors: Tensor) -> Tensor:
    """Solve the problems that `make` states for each batch of the tensors."""
    count = at_once(make(*(tensor[:1] for tensor in tensors)).start)
    return torch.cat([solve(make(*parts)) for parts in zip(*(tensor.split(count) for tensor in tensors), strict=True)])


def at_once(images: Tensor) -> int:
    """How many pictures of this size a batch has where these are: many on a GPU."""
    (height, width), factor = images.shape[-2:], ON_A_GPU if images.is_cuda else 1
    return factor * max(1, min(BATCH, LARGE * 224 * 224 // (height * width)))
