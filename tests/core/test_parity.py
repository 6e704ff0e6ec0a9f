"""PGD gives the same pictures as three independent implementations, to 1e-6 over 20 steps in double precision.

All run on one small network as it was built (nothing folded). `peers` names and evens out each library's quirks.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.constraints import L2Ball, LinfBall, norms
from course_lib.pgd import Problem, solve
from tests.bench import peers
from tests.tools import tiny

SETTINGS = {"l2": {"radius": 1.5, "step_size": 0.2}, "linf": {"radius": 0.05, "step_size": 0.008}}
BALLS = {"l2": L2Ball, "linf": LinfBall}
PEERS = [peers.robustness, peers.robustness_custom_loss, peers.torchattacks_pgd, peers.foolbox_pgd]


@pytest.fixture(scope="module")
def scene() -> tuple[nn.Module, Tensor, Tensor]:
    """A network with random weights and batch-norm statistics, pictures with some pixels at 0 and 1, and labels."""
    noise = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return tiny.network(), (1.4 * noise - 0.2).clamp(0, 1), torch.tensor([0, 1, 2, 4])


@pytest.fixture(autouse=True)
def _clean_gradients(scene: tuple[nn.Module, Tensor, Tensor]) -> Iterator[None]:
    yield
    scene[0].zero_grad(set_to_none=True)  # foolbox leaves some


def ours(model: nn.Module, images: Tensor, labels: Tensor, *, norm: str, targeted: bool, **settings: Any) -> Tensor:
    """The same problem as data."""
    sign = 1 if targeted else -1

    def objective(x: Tensor) -> Tensor:
        return sign * F.cross_entropy(model(x), labels, reduction="none")

    return solve(Problem(objective, images, BALLS[norm](settings["radius"]), steps=20, step_size=settings["step_size"]))


@pytest.mark.parametrize("targeted", [True, False], ids=["targeted", "untargeted"])
@pytest.mark.parametrize("norm", SETTINGS)
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.__name__)
def test_same_pictures_as(peer: peers.Peer, norm: str, targeted: bool, scene: tuple[nn.Module, Tensor, Tensor]) -> None:
    expected = peer(*scene, norm=norm, targeted=targeted, steps=20, **SETTINGS[norm])
    result = ours(*scene, norm=norm, targeted=targeted, **SETTINGS[norm])
    assert result.dtype == expected.dtype == torch.float64
    assert (result - expected.detach()).abs().max() < 1e-6


@pytest.mark.parametrize("targeted", [True, False], ids=["targeted", "untargeted"])
@pytest.mark.parametrize("norm", SETTINGS)
def test_the_comparison_sees_every_part(norm: str, targeted: bool, scene: tuple[nn.Module, Tensor, Tensor]) -> None:
    """Ball and pixel box both bind, and the two directions differ: else a peer without them would agree as well."""
    _, images, _ = scene
    result = ours(*scene, norm=norm, targeted=targeted, **SETTINGS[norm])
    free = ours(*scene, norm=norm, targeted=targeted, **SETTINGS[norm] | {"radius": 100.0})
    assert (result - free).abs().max() > 1e-2, "the ball never binds"
    assert norms(free - images).min() > 1.02 * norms(result - images).max()
    changed = (result != images) & ((result == 0) | (result == 1))
    assert changed.any(), "the box never binds"
    other = ours(*scene, norm=norm, targeted=not targeted, **SETTINGS[norm])
    assert (result - other).abs().max() > 1e-2
