"""Inception, the network behind published Inception Scores and FIDs, where torch-fidelity and its weights are at hand.

Neither is part of the course. Install torch-fidelity, and put the weights into the course's cache folder:

    inception = load_inception()
    inception_score(inception, images)
    frechet_distance(inception.features, real, fake)
"""

import importlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.one_line import OneLine
from course_lib.storage.files import default_cache

FILE = "weights-inception-2015-12-05-6726825d.pth"
SOURCE = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FILE}"


class Inception(OneLine, nn.Module):
    """Pixels (B, 3, H, W) in [0, 1] -> 1008 logits; `features` are the 2048 numbers of the layer before."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def features(self, images: Tensor) -> Tensor:
        """What published FIDs are computed on, (B, 2048)."""
        return torch.as_tensor(self.network(in_bytes(images))[0])

    def forward(self, images: Tensor) -> Tensor:
        """What published Inception Scores are computed on, (B, 1008): the logits without their bias."""
        return torch.as_tensor(self.network(in_bytes(images))[1])


def in_bytes(images: Tensor) -> Tensor:
    """Inception reads whole numbers from 0 to 255, and enlarges pictures to 299 x 299 itself."""
    return (images * 255).round().clamp(0, 255).byte()


def load_inception(weights: Path | None = None) -> Inception:
    """Inception from a file of weights, by default `FILE` in the course's cache folder.

    Raises ModuleNotFoundError or FileNotFoundError with the one thing to do; nothing is downloaded. A file that holds
    more than tensors is refused with pickle's UnpicklingError.
    """
    try:
        package: Any = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "expected the package torch-fidelity, which holds Inception: pip install torch-fidelity", name=error.name
        ) from error
    path = weights or default_cache() / FILE
    if not path.exists():
        raise FileNotFoundError(f"expected Inception's weights as {path}: fetch them from {SOURCE}")
    torch.load(path, weights_only=True)  # the package unpickles the file without a check, so here is one
    return Inception(package.FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"], str(path))).eval()
