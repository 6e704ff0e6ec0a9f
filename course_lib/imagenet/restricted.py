"""Restricted ImageNet, the paper's main data set: nine groups of ImageNet's classes, and networks that know them."""

import torch
from torch import Tensor

from course_lib.datasets.photographs import Photographs
from course_lib.imagenet.folder import CLASSES, OF_CIFAR10, groups
from course_lib.imagenet.networks import load_network
from course_lib.models import Classifier
from course_lib.pixels import to_float


class Grouped(Classifier):
    """A network of many classes that answers in groups of them: a group is as probable as its classes together.

    `labels` says which group each class is in, {class: 0, 1, ...}; the last answer is all classes that are in none.
    """

    def __init__(self, model: Classifier, labels: dict[int, int]) -> None:
        mean, std = model.mean.flatten().tolist(), model.std.flatten().tolist()
        super().__init__(model.body, model.head, mean=mean, std=std, activation=model.activation)
        last = max(labels.values()) + 1
        which = torch.tensor([labels.get(number, last) for number in range(model.head.out_features)])
        self.members = [(which == group).nonzero().squeeze(1) for group in range(last + 1)]

    @property
    def classes(self) -> int:
        return len(self.members)

    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images)
        return torch.stack([logits[:, members].logsumexp(1) for members in self.members], 1)


def load_restricted(name: str) -> Classifier:
    """The network of this name in `networks.SOURCES`; one of 1,000 classes answers in groups, and with "nothing"."""
    model = load_network(name)
    return Grouped(model, groups()) if model.classes == CLASSES else model


def from_cifar10(book: Photographs, count: int) -> tuple[Tensor, Tensor]:
    """The first `count` birds, cats, dogs and frogs of CIFAR-10, with their labels in restricted ImageNet.

    (count, 3, 32, 32) in [0, 1] and (count,). The authors make them 7 times as large, 224 pixels (figure 6a):

        small, labels = from_cifar10(testbeds.load("cifar10").test, 8)
        solve(superresolve(testbed.robust, small, labels, factor=7, **testbed.tuned["superresolve x7"]))
    """
    members = torch.isin(book.labels, torch.tensor(list(OF_CIFAR10))).nonzero().squeeze(1)[:count]
    labels = torch.tensor([OF_CIFAR10[label] for label in book.labels[members].tolist()])
    return to_float(book.images(members)), labels
