"""Weight files that ship with the course: safetensors (tensors only, nothing is ever unpickled) and a JSON card beside
each."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from course_lib.models import Classifier
from course_lib.recipe import Recipe

FOLDER = Path(__file__).resolve().parent.parent / "data" / "weights"


def save_model(model: Classifier, name: str, card: dict[str, Any], *, folder: Path = FOLDER) -> None:
    """Write `name`.safetensors (matrices and kernels in half precision) and `name`.json with the card and the file's
    SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {key: halve(value) for key, value in model.state_dict().items() if not key.endswith("num_batches_tracked")}
    data = save(state)
    write(folder / f"{name}.safetensors", data)
    card = {"name": name, **card, "parameters": sum(p.numel() for p in model.parameters()), "sha256": digest(data)}
    write(folder / f"{name}.json", (json.dumps(card, indent=2) + "\n").encode())


def load_card(name: str, *, folder: Path = FOLDER) -> dict[str, Any]:
    """The JSON card of a shipped model: recipe, accuracies, SHA-256."""
    path = folder / f"{name}.json"
    if not path.exists():
        raise FileNotFoundError(f"expected a model card at {path}; known: {known(folder)}; `make train` makes them")
    return json.loads(path.read_text())


def load_model(name: str, *, folder: Path = FOLDER) -> Classifier:
    """A shipped model in evaluation mode. ValueError where the file is not the one its card describes."""
    card = load_card(name, folder=folder)
    path = folder / f"{name}.safetensors"
    if not path.exists():
        raise FileNotFoundError(f"expected weights at {path}, beside their card; `make train` makes them")
    data = path.read_bytes()
    if digest(data) != card["sha256"]:
        raise ValueError(
            f"expected {name}.safetensors with SHA-256 {card['sha256']}, got {digest(data)}: fetch it again"
        )
    try:
        state = {key: value.float() for key, value in load(data).items()}
    except SafetensorError as error:
        raise ValueError(f"expected a safetensors file for {name}, got something else: {error}") from error
    model = Recipe.from_card(card["recipe"]).build()
    counters = {key: value for key, value in model.state_dict().items() if key.endswith("num_batches_tracked")}
    try:
        model.load_state_dict(state | counters)
    except RuntimeError as error:  # a list of keys and shapes that names neither file nor cure
        raise ValueError(
            f"expected the tensors of the recipe on {name}'s card in {name}.safetensors, got others"
        ) from error
    return model.eval()


def known(folder: Path = FOLDER) -> list[str]:
    """The names of all models in a folder."""
    return sorted(path.stem for path in folder.glob("*.json"))


def halve(value: Tensor) -> Tensor:
    """Kernels and matrices in half precision; biases and batch-norm statistics as they are."""
    return (value.half() if value.ndim > 1 and value.numel() > 3 else value).contiguous()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write(path: Path, data: bytes) -> None:
    """All or nothing: a kill leaves the old file or the new one."""
    temporary = path.with_suffix(f"{path.suffix}.{os.getpid()}.tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)
