"""Weight files: safetensors (tensors only, nothing is ever unpickled) and a JSON card beside each."""

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from course_lib.datasets.collections import terms
from course_lib.models import Classifier, build
from course_lib.storage.files import DATA, load_tensors, save_tensors

FOLDER = DATA / "weights"


def save_model(model: Classifier, name: str, card: dict[str, Any], *, folder: Path = FOLDER) -> None:
    """Write `name`.safetensors, matrices and kernels in half precision, and the card as `name`.json."""
    state = {key: halve(value) for key, value in model.state_dict().items() if not key.endswith("num_batches_tracked")}
    parameters = sum(parameter.numel() for parameter in model.parameters())
    allowed = terms(card.get("recipe", {}).get("data"))
    save_tensors(folder / name, state, {"name": name, **allowed, **card, "parameters": parameters})


def load_card(name: str, *, folder: Path = FOLDER) -> dict[str, Any]:
    """The JSON card of a shipped model: recipe, accuracies, SHA-256."""
    path = folder / f"{name}.json"
    if not path.exists():
        raise FileNotFoundError(f"expected a model card at {path}; known: {known(folder)}; `make train` makes them")
    return json.loads(path.read_bytes())


def load_model(name: str, *, folder: Path = FOLDER) -> Classifier:
    """A shipped model in evaluation mode. ValueError where the file is not the one its card describes."""
    card = load_card(name, folder=folder)
    path = folder / f"{name}.safetensors"
    if not path.exists():
        raise FileNotFoundError(f"expected weights at {path}, beside their card; `make train` makes them")
    state = {key: value.float() for key, value in load_tensors(folder / name)[0].items()}
    recipe = card["recipe"]
    model = build(recipe["network"], recipe["widths"], recipe["classes"], halvings=recipe.get("halvings"))
    model.size = recipe["size"]
    counters = {key: value for key, value in model.state_dict().items() if key.endswith("num_batches_tracked")}
    try:
        model.load_state_dict(state | counters)
    except RuntimeError as error:  # a list of keys and shapes that names neither file nor cure
        raise ValueError(
            f"expected the tensors of the recipe on {name}'s card in {name}.safetensors, got others"
        ) from error
    return model.eval()


def known(folder: Path = FOLDER) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.json"))


def halve(value: Tensor) -> Tensor:
    """Kernels and matrices in half precision; biases and batch-norm statistics as they are."""
    return value.half() if value.ndim > 1 and value.numel() > 3 else value
