"""Networks whose gradients are pleasant to look at, wrapped so that everything outside sees pixels in [0, 1].

Two choices matter for the pictures. The activation is smooth (SiLU), so gradients do not jump; and resolution is halved
by averaging before a convolution, because a strided convolution leaves checkerboards in the gradient.
"""

import copy
import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Model = TypeVar("Model", bound=nn.Module)


class Classifier(nn.Module):
    """Pixels (B, 3, H, W) in [0, 1] -> logits (B, classes); normalisation lives inside.

    Answers come back to where the pixels are, so a network on a GPU serves pictures on the CPU.

    `body` maps normalised images to a feature map before its last activation, and the representation R of Santurkar et
    al. 2019 (the penultimate layer) is the spatial mean of that map after `activation`.
    """

    mean: Tensor
    std: Tensor

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
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))

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

    def normalised(self, images: Tensor) -> Tensor:
        """What the body sees, on the device where that is."""
        return (images.to(self.mean.device) - self.mean) / self.std

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images).to(self.mean.device)).to(images.device)


class Block(nn.Module):
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
    """A small residual network: a stem, then one block for each width.

    `halvings` says which blocks halve the resolution; by default all of them, which suits 64 x 64 pictures and four
    widths.
    """
    halvings = [True] * len(widths) if halvings is None else halvings
    stem = [nn.Conv2d(3, widths[0], 3, padding=1, bias=False), nn.BatchNorm2d(widths[0])]
    pairs = zip([widths[0], *widths], widths, halvings, strict=False)
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


class Bfloat16(nn.Module):
    """A network that computes with 8 bits of precision and the range of float32; what comes and goes is as before."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.to(torch.bfloat16)

    def forward(self, images: Tensor, **keywords: Any) -> Tensor | tuple[Tensor, ...]:
        own = next(self.network.parameters()).dtype  # bfloat16, until somebody says `.double()`
        answer: Tensor | tuple[Tensor, ...] = self.network(images.to(own), **keywords)
        if isinstance(answer, tuple):
            return tuple(part.to(images.dtype) for part in answer)
        return answer.to(images.dtype)


def shorten(model: Classifier) -> None:
    """Make the body compute in bfloat16 and the head go on in float32, also where that is a part of the body."""
    if isinstance(model.body, Bfloat16):
        return
    head = copy.deepcopy(model.head).float()
    model.body = Bfloat16(model.body)
    model.head.float().load_state_dict(head.state_dict())
    model.head.register_forward_pre_hook(in_own_precision)


def in_own_precision(layer: nn.Linear, inputs: tuple[Tensor]) -> tuple[Tensor]:
    """What a layer between two precisions gets."""
    return (inputs[0].to(layer.weight.dtype),)


def prepare(model: Model, *, device: torch.device | str | None = None, precision: torch.dtype = torch.float32) -> Model:
    """A frozen copy of a model for synthesis: same function, cheaper gradients to the input.

    Evaluation mode, no parameter gradients, batch norm folded into the convolution before it, channels-last memory, and
    on the best device. The original is untouched.

    With `precision=torch.bfloat16` the body of a `Classifier` computes in that, in half to three quarters of the time
    on a processor that has it, more slowly on others. Its head, pictures, steps and losses stay in float32.
    """
    model = copy.deepcopy(model).eval().requires_grad_(False)
    for module in model.modules():
        fold_batch_norm(module)
    if precision == torch.bfloat16:
        if not isinstance(model, Classifier):
            raise TypeError(f"expected a Classifier to compute in bfloat16, got {type(model).__name__}")
        shorten(model)
    elif precision != torch.float32:
        raise ValueError(f"expected a precision of torch.float32 or torch.bfloat16, got {precision}")
    return model.to(device or best_device()).to(memory_format=torch.channels_last)


def fold_batch_norm(module: nn.Module) -> None:
    """Fold each batch norm that directly follows a convolution among the children of `module` into that convolution."""
    children = list(module.named_children())
    for (name, conv), (next_name, norm) in itertools.pairwise(children):
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            setattr(module, name, fuse_conv_bn_eval(conv, norm))
            setattr(module, next_name, nn.Identity().eval())


def best_device() -> torch.device:
    """An NVIDIA GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
