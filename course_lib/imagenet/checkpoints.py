"""Checkpoints of the `robustness` package, read without running anything.

A checkpoint is a pickle, which could run any program while it is read. Here tensors and numbers are read, the few other
names of honest checkpoints are replaced by stand-ins that do nothing, and every other name is refused.
"""

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.imagenet.robustness import ARCHITECTURES, ForeignClassifier, Network, build
from course_lib.models import Classifier

Normaliser = tuple[Sequence[float], Sequence[float]]
"""The means and the standard deviations of red, green and blue."""

CIFAR: dict[str, Normaliser] = {"CIFAR-10": ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))}
IMAGENET: dict[str, Normaliser] = {
    "ImageNet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "restricted ImageNet": ((0.4717, 0.4499, 0.3837), (0.2600, 0.2516, 0.2575)),
    "pairs of domains": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}
PREFIXES = ("model.", "attacker.model.", "normalizer.", "attacker.normalize.")  # after "module.", where it was shared


class StandIn:
    """Stands for a named thing in a checkpoint, and does nothing."""

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


# Learning rates are numpy numbers where the schedule is cyclic. Some published CIFAR-10 checkpoints hold functions,
# stored by dill, judging from their errors since Python 3.8 (issues 22, 71 and 105 of the package).
NUMPY = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype")
DILL = ("dill._dill._create_function", "dill._dill._create_code")
GLOBALS = ("__main__.__dict__", "builtins.__main__", "robustness.train.__dict__")
STAND_INS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    *((StandIn, name) for name in NUMPY + DILL + GLOBALS),
    (lambda *_: StandIn, "dill._dill._load_type"),
]


def load_checkpoint(
    path: Path | str, *, architecture: str | Classifier | None = None, normaliser: Normaliser | None = None
) -> Classifier:
    """The classifier in a checkpoint, in float32 and in evaluation mode: pixels in [0, 1] -> logits.

    The weights tell which of `ARCHITECTURES` it is, and naming it is a check; for a checkpoint of one of OUR networks,
    give one of the same build. All weights must be there, with their shapes, and no others. The stored normaliser must
    be the one of a data set that the architecture is for (or of our network), or the one that you state.

    ValueError, in one sentence, where the file holds anything else; nothing in it is ever run.
    """
    tensors, stored = take_apart(read(Path(path)))
    network: nn.Module
    if isinstance(architecture, Classifier):
        model = copy.deepcopy(architecture)
        network = model.body if isinstance(model, ForeignClassifier) else Network(model)
        check_tensors(tensors, network, "the given network")
        known: dict[str, Normaliser] = {"the given network": (numbers(model.mean), numbers(model.std))}
    else:
        name, network = recognise(tensors, architecture)
        model = ForeignClassifier(network, mean=numbers(stored[0]), std=numbers(stored[1]))
        known = CIFAR if name.startswith("cifar_") else IMAGENET
    check_normaliser(stored, {"your statement": normaliser} if normaliser else known)
    network.load_state_dict(tensors, assign=True)
    return model.float().eval()


def read(path: Path) -> dict[str, Tensor]:
    """The state of the `AttackerModel` in a checkpoint: tensors under the four prefixes, as they are stored."""
    with path.open("rb") as file:
        try:
            with torch.serialization.safe_globals(STAND_INS):
                checkpoint = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # half a dozen kinds, OSError among them, for a broken file
            name = re.search(r"GLOBAL (\S+)", str(error))
            got = f"{name[1]}, which was not run" if name else "something else, or a part of one: fetch it again"
            raise ValueError(f"expected a checkpoint of tensors and numbers in {path.name}, got {got}") from error
    named = checkpoint if isinstance(checkpoint, dict) else {}
    state = named.get("model", named.get("state_dict", named))
    if not isinstance(state, dict) or not any(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"expected a dictionary with `model` in {path.name}, got {summary(checkpoint)}")
    state = {re.sub(r"^(module\.)+", "", str(key)): value for key, value in state.items()}
    for key, value in state.items():
        if not isinstance(value, Tensor) or not key.startswith(PREFIXES):
            wanted = f"tensors called {'…, '.join(PREFIXES)}… in {path.name}"
            raise ValueError(f"expected {wanted}, got {summary(value)} called {key}")
    return state


def take_apart(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], tuple[Tensor, Tensor]]:
    """The network's tensors in float32, mean and deviation as they are stored; in most checkpoints each is twice."""
    parts = [{key.removeprefix(start): state[key] for key in state if key.startswith(start)} for start in PREFIXES]
    network, network_copy, normaliser, normaliser_copy = parts
    if network_copy and not same(network, network_copy):
        raise ValueError("expected the same weights in model and attacker.model, got two that differ")
    if normaliser_copy and not same(normaliser, normaliser_copy):
        raise ValueError("expected the same numbers in normalizer and attacker.normalize, got others")
    if {key: tuple(value.shape) for key, value in normaliser.items()} != {"new_mean": (3, 1, 1), "new_std": (3, 1, 1)}:
        raise ValueError(f"expected new_mean and new_std (3, 1, 1) in normalizer, got {summary(normaliser)}")
    full = {key: value.float() if value.is_floating_point() else value for key, value in network.items()}
    return full, (normaliser["new_mean"], normaliser["new_std"])


def recognise(tensors: Mapping[str, Tensor], architecture: str | None) -> tuple[str, nn.Module]:
    """The name and the empty network of the architecture that has exactly these tensors, or ValueError."""
    matrices = [value for value in tensors.values() if value.ndim == 2]
    classes = len(matrices[-1]) if matrices else 1000
    networks = {name: build(name, classes) for name in ([architecture] if architecture else ARCHITECTURES)}
    nearest = min(networks, key=lambda name: len(differences(tensors, networks[name])))
    if not architecture and len(tensors.keys() & networks[nearest].state_dict().keys()) < len(tensors) / 2:
        got = f"tensors called {', '.join(list(tensors)[:3])}…"
        raise ValueError(f"expected the weights of one of {', '.join(ARCHITECTURES)}, got {got}")
    check_tensors(tensors, networks[nearest], nearest)
    return nearest, networks[nearest]


def check_tensors(tensors: Mapping[str, Tensor], network: nn.Module, name: str) -> None:
    if found := differences(tensors, network):
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise ValueError(f"expected the weights of {name}, got others: {', '.join(found[:3])}{more}")


def differences(tensors: Mapping[str, Tensor], network: nn.Module) -> list[str]:
    wanted, got = ({key: kind(value) for key, value in one.items()} for one in (network.state_dict(), tensors))
    return [
        *(f"{key} is missing" for key in wanted if key not in got),
        *(f"{key} is unknown" for key in got if key not in wanted),
        *(f"{key} is {got[key]}, not {wanted[key]}" for key in wanted if got.get(key, wanted[key]) != wanted[key]),
    ]


def kind(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)}{'' if tensor.is_floating_point() else f' of {tensor.dtype}'}"


def check_normaliser(stored: tuple[Tensor, Tensor], known: Mapping[str, Normaliser]) -> None:
    """ValueError unless a checkpoint normalises like one of the known: nothing else would tell a wrong one."""
    values = torch.stack(stored).flatten(1)
    rounded = [torch.tensor(one, dtype=torch.float64).to(values).float() for one in known.values()]  # as it was stored
    if not any((values.float() - one).abs().max() < 1e-4 for one in rounded):
        mean, std = (tuple(round(number, 4) for number in row) for row in values.tolist())
        cure = f"where that is right, state it: normaliser=({mean}, {std})"
        raise ValueError(f"expected the normaliser of {' or '.join(known)}, got mean {mean} and std {std}; {cure}")


def same(ones: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> bool:
    return ones.keys() == others.keys() and all(torch.equal(ones[key], others[key]) for key in ones)


def numbers(tensor: Tensor) -> list[float]:
    return tensor.flatten().tolist()


def summary(value: object) -> str:
    if isinstance(value, dict):
        return f"a dictionary with {', '.join(map(str, list(value)[:5])) or 'nothing'}"
    return "a tensor" if isinstance(value, Tensor) else f"a {type(value).__name__}"
