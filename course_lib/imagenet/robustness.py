"""Networks of the `robustness` package as our classifiers, and our classifiers as its `AttackerModel`."""

import importlib
import sys
import warnings
from collections.abc import Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
import torch.hub
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from course_lib.models import Classifier
from course_lib.one_line import OneLine

ARCHITECTURES = (
    *("cifar_resnet18", "cifar_resnet50", "cifar_resnet101", "cifar_resnet152", "cifar_resnet18wide"),
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("wide_resnet50_2", "wide_resnet50_4", "resnext50_32x4d"),
)
"""The networks we read: the package's own for 32 x 32 pictures (`cifar_…`), and torchvision's for ImageNet."""


def import_robustness(module: str = "robustness.attacker") -> ModuleType:
    """A module of the `robustness` package, which by itself imports with no torchvision since 2021.

    It wants one function from `torchvision.models.utils`, which `torch.hub` has, too. Hidden are its warnings about its
    own source and about NVIDIA apex, which it does without.
    """
    sys.modules.setdefault("torchvision.models.utils", torch.hub)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*invalid escape sequence|Could not import amp")
        return importlib.import_module(module)


def build(architecture: str, classes: int) -> nn.Module:
    """A network of the package without storage (on the meta device), ready to be given weights."""
    if architecture not in ARCHITECTURES:
        raise ValueError(f"expected an architecture among {', '.join(ARCHITECTURES)}, got {architecture!r}")
    family = "cifar_models" if architecture.startswith("cifar_") else "imagenet_models"
    module = import_robustness(f"robustness.{family}")
    with torch.device("meta"), NoDraws():
        network: nn.Module = getattr(module, architecture.removeprefix("cifar_"))(num_classes=classes)
        return network.float()


class NoDraws(TorchFunctionMode):
    """Initial weights that no one will see are not drawn: without storage that would take torch half of sympy."""

    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        draws = function in (Tensor.normal_, Tensor.uniform_)
        return arguments[0] if draws else function(*arguments, **(keywords or {}))


class ForeignClassifier(Classifier):
    """A network of the package (`body`, which ends in the linear layer `head`) as a classifier like ours.

    `features(straight_through=True)` is the package's `fake_relu`.
    """

    def __init__(self, network: nn.Module, *, mean: Sequence[float], std: Sequence[float]) -> None:
        linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
        if not linear:
            raise ValueError(f"expected a network that ends in a linear layer, got {type(network).__name__}")
        super().__init__(network, linear[-1], mean=mean, std=std, activation=F.relu)

    def features(self, images: Tensor, *, straight_through: bool = False) -> Tensor:
        output = self.body(self.normalised(images), with_latent=True, fake_relu=straight_through)
        if not isinstance(output, tuple):
            raise TypeError(f"expected a network that obeys `with_latent`, got {type(self.body).__name__}")
        return output[1].to(images.device)

    def forward(self, images: Tensor) -> Tensor:
        return self.body(self.normalised(images)).to(images.device)


class Network(OneLine, nn.Module):
    """What follows the normalisation in one of our classifiers, with the arguments that the package passes."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.body, self.head, self.activation = model.body, model.head, model.activation

    def forward(
        self, normalised: Tensor, with_latent: bool = False, fake_relu: bool = False, no_relu: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        before = self.body(normalised)
        after = before if no_relu else self.activation(before)
        if fake_relu:
            after = before + (after - before).detach()
        latent = after.mean((2, 3))
        return (self.head(latent), latent) if with_latent else self.head(latent)


class Normalise(OneLine, nn.Module):
    """The package's `InputNormalize`, with the gradients of the torch it was written for.

    It clamps pixels to [0, 1] first. Up to torch 2.12 the gradient of that was 1 at exactly 0 and 1, in 2.15 it is 0
    (pytorch issue 184572): a pixel that has reached the edge of the box would never leave it.
    """

    new_mean: Tensor
    new_std: Tensor

    def __init__(self, original: Any) -> None:
        super().__init__()
        self.register_buffer("new_mean", original.new_mean)
        self.register_buffer("new_std", original.new_std)

    def forward(self, images: Tensor) -> Tensor:
        inside = (images >= 0) & (images <= 1)
        return (torch.where(inside, images, images.detach().clamp(0, 1)) - self.new_mean) / self.new_std


def accommodate(_: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, Any]:
    """What an attack by the package needs to run anywhere.

    It calls `orig_input.cuda()` on every machine: an object whose `cuda` gives the tensor back serves. And it calls
    `view` on gradients, which a channels-last network returns in another order if the pictures come in it.
    """
    images = arguments[0].contiguous()
    centre = keywords.get("orig_input")
    centre = images.detach() if centre is None else centre
    return (images, *arguments[1:]), keywords | {"orig_input": SimpleNamespace(cuda=lambda: centre)}


def as_attacker(model: Classifier) -> Any:
    """The package's `AttackerModel` around a classifier, on any device; both share their weights.

    `as_attacker(model)(images, labels, make_adv=True, constraint="2", eps=radius, step_size=…, iterations=steps,
    use_best=False)` gives (logits, pictures): those of `solve(attack(model, images, labels, …))`. Left out, `use_best`
    is True, and the pictures are the worst on the way instead of the last.
    """
    if not isinstance(model, Classifier):
        raise TypeError(f"expected a Classifier, whose normalisation is known, got {type(model).__name__}")
    network = model.body if isinstance(model, ForeignClassifier) else Network(model)
    colours = SimpleNamespace(mean=model.mean.flatten(), std=model.std.flatten())
    attacker = import_robustness().AttackerModel(network, colours)
    attacker.normalizer = Normalise(attacker.normalizer)
    attacker.attacker.normalize = Normalise(attacker.attacker.normalize)
    attacker.attacker.register_forward_pre_hook(accommodate, with_kwargs=True)
    return attacker.train(model.training)  # it goes back to its own mode after an attack, and the weights are shared
