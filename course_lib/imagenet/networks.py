"""Classifiers of ImageNet's classes: robust ones of the Madry lab, standard ones and a judge of torchvision.

They are fetched when first asked for, read without running anything that may be in them, and kept in the course's cache
as tensors alone, with a card. From then on these conversions are read, without a network.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from filelock import FileLock
from torch import nn
from torchvision.models import EfficientNet, efficientnet_b0, get_weight

from course_lib.imagenet.checkpoints import IMAGENET, load_checkpoint, same
from course_lib.imagenet.folder import names
from course_lib.imagenet.robustness import ARCHITECTURES, ForeignClassifier, NoDraws, build
from course_lib.models import Classifier
from course_lib.one_line import OneLine
from course_lib.storage.fetching import fetch, fetch_from_hub, hub_path
from course_lib.storage.files import default_cache, digest, load_tensors, save_tensors

HUB = "madrylab/robust-imagenet-models"
NAMES = names()
"""ImageNet's classes by torchvision's names, in the order of their numbers."""


@dataclass(frozen=True, repr=False)
class Checkpoint(OneLine):
    """A checkpoint of the `robustness` package. The hub states the SHA-256 of the Madry lab's, nobody any other."""

    architecture: str
    url: str
    classes: int = len(NAMES)

    @property
    def path(self) -> Path:
        """Where the fetched file is kept until it is converted, and where a person may put it."""
        name = Path(self.url).name
        return hub_path(HUB, name) if HUB in self.url else default_cache() / "checkpoints" / name

    def fetch(self) -> None:
        """Bring the file to `path`."""
        fetch_from_hub(HUB, self.path.name) if HUB in self.url else fetch(self.url, self.path)

    def read(self) -> Classifier:
        """The classifier in the fetched file; ValueError where that holds anything else."""
        model = load_checkpoint(self.path, architecture=self.architecture)
        if model.classes != self.classes:
            raise ValueError(f"expected a network of {self.classes} classes in {self.path}, got one of {model.classes}")
        return model


@dataclass(frozen=True, repr=False)
class Torchvision(OneLine):
    """One of torchvision's networks, with the `weights` of this name. They end in the first digits of their SHA-256."""

    architecture: str
    weights: str
    classes = len(NAMES)

    @property
    def url(self) -> str:
        return str(get_weight(self.weights).url)

    @property
    def path(self) -> Path:
        return default_cache() / "torchvision" / Path(self.url).name

    def fetch(self) -> None:
        fetch(self.url, self.path, sha256=self.path.stem.rpartition("-")[2])

    def read(self) -> Classifier:
        network = empty(self)
        try:
            tensors = torch.load(self.path, map_location="cpu", weights_only=True)
            network.load_state_dict(dict(tensors), assign=True)
        except Exception as error:  # what a broken file raises is anyone's guess
            raise ValueError(f"expected the weights {self.weights} in {self.path}, got something else") from error
        return wrapped(network).eval()


Source = Checkpoint | Torchvision
SOURCES: dict[str, Source] = {
    "resnet50-robust": Checkpoint("resnet50", f"https://huggingface.co/{HUB}/blob/main/resnet50_l2_eps3.ckpt"),
    "resnet50-standard": Torchvision("resnet50", "ResNet50_Weights.IMAGENET1K_V2"),
    "resnet18-robust": Checkpoint("resnet18", f"https://huggingface.co/{HUB}/blob/main/resnet18_l2_eps3.ckpt"),
    "resnet18-standard": Torchvision("resnet18", "ResNet18_Weights.IMAGENET1K_V1"),
    # The judge shares no kind of layer with a ResNet but 1 x 1 convolutions, and is the quickest by far on a CPU of
    # torchvision's networks that are right in 77% or more of all cases. What fools standard networks may convince it.
    "efficientnet-judge": Torchvision("efficientnet_b0", "EfficientNet_B0_Weights.IMAGENET1K_V1"),
    "restricted-robust": Checkpoint("resnet50", "http://andrewilyas.com/RestrictedImageNet.pt", classes=9),
    "restricted-standard": Checkpoint(
        "resnet50", "https://robustmodels.s3.amazonaws.com/RestrictedImageNetNat.pt", classes=9
    ),
}


def load_imagenet(name: str, *, first: Sequence[int] = ()) -> Classifier:
    """`load_network` for one of 1,000 classes, whose answers become the classes in the `order` of `first`."""
    model = load_network(name)
    places, head = torch.tensor(order(first)), model.head
    head.weight, head.bias = nn.Parameter(head.weight[places]), nn.Parameter(head.bias[places])
    return model


def load_network(name: str) -> Classifier:
    """The network of this name, in evaluation mode; FileNotFoundError where there is neither a file nor a network."""
    path = default_cache() / "networks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        try:
            return read_conversion(SOURCES[name], path)
        except (FileNotFoundError, ValueError):
            return convert(SOURCES[name], path)


def order(first: Sequence[int]) -> list[int]:
    """ImageNet's class numbers: some first, then the others."""
    return [*first, *(number for number in range(len(NAMES)) if number not in first)]


def convert(source: Source, path: Path) -> Classifier:
    """Fetch, read, write `path`.safetensors and its card; what was fetched goes when that reads the same."""
    by_hand = source.path.exists()
    source.fetch()
    model = source.read()
    tensors = model.state_dict()
    if isinstance(model, ForeignClassifier):  # whose head is a part of its body
        tensors = {key: value for key, value in tensors.items() if not key.startswith("head.")}
    card = {"architecture": source.architecture, "source": source.url}
    save_tensors(path, tensors, card | {"source sha256": digest(source.path.read_bytes())})
    again = read_conversion(source, path)
    if not same(model.state_dict(), again.state_dict()):
        raise ValueError(f"expected {path}.safetensors to be as it was written, got other tensors: check the disk")
    if not by_hand:
        source.path.unlink()
    return again


def read_conversion(source: Source, path: Path) -> Classifier:
    """What `convert` wrote. FileNotFoundError where it is not there, ValueError where it is damaged."""
    model = wrapped(empty(source))
    model.load_state_dict(load_tensors(path)[0], strict=False, assign=True)  # the head comes with the body
    return model.eval()


def empty(source: Source) -> nn.Module:
    """A network without storage, ready to be given weights."""
    if source.architecture in ARCHITECTURES:
        return build(source.architecture, source.classes)
    with torch.device("meta"), NoDraws():
        return efficientnet_b0(weights=None)


def wrapped(network: nn.Module) -> Classifier:
    mean, std = IMAGENET["ImageNet"]
    if isinstance(network, EfficientNet):
        return Classifier(network.features, network.classifier[1], mean=mean, std=std, activation=nn.Identity())
    return ForeignClassifier(network, mean=mean, std=std)
