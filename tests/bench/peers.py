"""Other libraries of adversarial attacks, as independent witnesses: each runs PGD without a random start.

They agree with `course_lib.pgd` on the algorithm. What else they do, their quirks, is named where it is evened out.
`tests/core/test_parity.py` compares their results with ours and `tests/bench/bench.py` their speed.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.imagenet.robustness import import_robustness

with warnings.catch_warnings():
    # foolbox imports scipy.ndimage.filters by its old name: warnings about the source of others, at import only.
    warnings.filterwarnings("ignore", message=r"invalid escape sequence|.*is an invalid escape sequence")
    warnings.filterwarnings("ignore", message=r"Please import `gaussian_filter`", category=DeprecationWarning)
    import foolbox
    import torchattacks

AttackerModel = import_robustness("robustness.attacker").AttackerModel

Peer = Callable[..., Tensor]
"""(model, images, labels, **how) -> images, where `How` says how."""


@dataclass(frozen=True)
class How:
    radius: float
    steps: int
    step_size: float
    norm: str = "l2"
    targeted: bool = True


def robustness(model: nn.Module, images: Tensor, labels: Tensor, *, custom_loss: Any = None, **how: Any) -> Tensor:
    """`AttackerModel` of Engstrom et al., as they wrote it: `as_attacker` mends the first and third.

    - It normalises the input itself, which our models do inside, and clamps it to [0, 1] before that. The clamp changes
      no value, but its gradient at exactly 0 and 1 was 1 up to torch 2.12 and is 0 in 2.15 (pytorch issue 184572), so a
      pixel that has reached the edge of the box would never leave it. `should_normalize=False` leaves both out.
    - `use_best` would return the best images on the way; we mean the last ones.
    - `Attacker.forward` calls `orig_input.cuda()` on any machine: an object whose `cuda` gives the tensor back serves.
    - It adds 1e-10 to the gradient's norm, after dividing the loss by the batch size, and `Tensor.renorm`, which it
      projects with, adds 1e-7 to the perturbation's norm. Neither can be switched off; both stay below 1e-6 here.
    """
    asked = How(**how)
    attacker = AttackerModel(model, SimpleNamespace(mean=images.new_zeros(3), std=images.new_ones(3))).attacker
    return attacker(
        images,
        labels,
        constraint={"l2": "2", "linf": "inf"}[asked.norm],
        eps=asked.radius,
        step_size=asked.step_size,
        iterations=asked.steps,
        targeted=asked.targeted,
        custom_loss=custom_loss,
        orig_input=SimpleNamespace(cuda=lambda: images),
        should_normalize=False,
        use_best=False,
    )


def robustness_custom_loss(*arguments: Tensor, **keywords: object) -> Tensor:
    """The same with a `custom_loss`, the route of its image-synthesis notebooks: it runs the network twice a step."""
    return robustness(
        *arguments, custom_loss=lambda model, x, y: (F.cross_entropy(model(x), y, reduction="none"), None), **keywords
    )


def torchattacks_pgd(model: nn.Module, images: Tensor, labels: Tensor, **how: Any) -> Tensor:
    """`PGDL2` and `PGD` of torchattacks.

    - Targeted is a mode that is set after construction.
    - PGDL2 adds 1e-10 to the gradient's norm unless told otherwise.
    """
    asked = How(**how)
    exact = {"eps_for_division": 0.0} if asked.norm == "l2" else {}
    kind = {"l2": torchattacks.PGDL2, "linf": torchattacks.PGD}[asked.norm]
    attack = kind(model, eps=asked.radius, alpha=asked.step_size, steps=asked.steps, random_start=False, **exact)
    if asked.targeted:
        attack.set_mode_targeted_by_label(quiet=True)
    return attack(images, labels)


def foolbox_pgd(model: nn.Module, images: Tensor, labels: Tensor, **how: Any) -> Tensor:
    """`L2PGD` and `LinfPGD` of foolbox.

    - The step size is relative to the radius unless it is given as `abs_stepsize`.
    - Calling the attack would also predict before and after, and clip again; `run` is the attack alone.
    - It calls `backward()`, which also adds up gradients of all parameters that want one: the caller clears them.
    """
    asked, criteria = How(**how), foolbox.criteria
    kind = {"l2": foolbox.attacks.L2PGD, "linf": foolbox.attacks.LinfPGD}[asked.norm]
    attack = kind(abs_stepsize=asked.step_size, steps=asked.steps, random_start=False)
    criterion = (criteria.TargetedMisclassification if asked.targeted else criteria.Misclassification)(labels)
    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device=images.device)
    return attack.run(wrapped, images, criterion, epsilon=asked.radius)
