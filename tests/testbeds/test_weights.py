"""Weight files come back as they were saved, and a file that is not what its card says is refused and never run."""

import dataclasses
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load

from course_lib.models import Classifier
from course_lib.storage import files
from course_lib.testbeds.weights import known, load_card, load_model, save_model
from course_lib.training.recipe import Recipe
from tests.tools import tiny

RECIPE = Recipe(data="noise", size=tiny.SIZE, classes=tiny.CLASSES, widths=(8, 12))


def card(recipe: Recipe = RECIPE) -> dict[str, Any]:
    return {"recipe": dataclasses.asdict(recipe), "minutes": 1.5}


def model(seed: int = 0) -> Classifier:
    return tiny.network(seed=seed).float()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one model, "noise"."""
    save_model(model(), "noise", card(), folder=tmp_path / "weights")
    return tmp_path / "weights"


def replace_weights(folder: Path, data: bytes) -> None:
    """Other content for the weights, with a card that vouches for it."""
    (folder / "noise.safetensors").write_bytes(data)
    values = json.loads((folder / "noise.json").read_text())
    (folder / "noise.json").write_text(json.dumps(values | {"sha256": files.digest(data)}))


def test_a_model_comes_back_up_to_half_precision(folder):
    before, after = model(), load_model("noise", folder=folder)
    assert not after.training
    assert all(value.dtype == torch.float32 for value in after.parameters())
    state = after.state_dict()
    assert state.keys() == before.state_dict().keys()
    for key, value in before.state_dict().items():
        half = value.ndim > 1 and value.numel() > 3
        assert torch.equal(state[key], value.half().float() if half else value), key
    images = tiny.images(4).float()
    torch.testing.assert_close(after(images), before(images), rtol=0, atol=0.02 * before(images).abs().max().item())


def test_half_precision_halves_the_file(folder):
    tensors = load((folder / "noise.safetensors").read_bytes())
    assert tensors["body.2.conv1.weight"].dtype == torch.float16
    assert tensors["body.1.running_var"].dtype == tensors["mean"].dtype == tensors["head.bias"].dtype == torch.float32
    assert not any("num_batches" in key for key in tensors)


def test_the_card_holds_the_recipe_and_the_files_hash(folder):
    written = load_card("noise", folder=folder)
    assert Recipe.from_card(written["recipe"]) == RECIPE
    assert written["name"] == "noise"
    assert written["minutes"] == 1.5
    assert written["parameters"] == sum(value.numel() for value in model().parameters())
    assert written["sha256"] == files.digest((folder / "noise.safetensors").read_bytes())
    assert known(folder) == ["noise"]


OLD = '{"data": "noise", "size": 16, "shortcut": 1.0, "classes": 5, "network": "residual", "widths": [8, 12], \
"radius": 2.5, "norm": "l2", "attack_steps": [1, 1, 2], "radius_warmup": 0.3, "epochs": 5, "batch_size": 64, \
"peak_rate": 0.15, "weight_decay": 0.0005, "label_smoothing": 0.05, "averaging": 0.999, "padding": 2, "flips": true, \
"noise": 0.0, "nothing": 0.0, "seed": 0}'  # a recipe as the first cards held it


def test_an_old_card_that_knows_fewer_fields_is_read(folder):
    save_model(model(), "noise", {"recipe": json.loads(OLD), "step": 20, "steps": 1560}, folder=folder)
    loaded = load_model("noise", folder=folder)
    assert loaded.size == 16
    assert torch.equal(loaded.head.bias, model().head.bias)
    values = Recipe.from_card(load_card("noise", folder=folder)["recipe"])
    assert (values.radius, values.halvings, values.only, values.backgrounds, values.crop) == (2.5, None, (), (), 1.0)


def test_saving_twice_gives_the_same_bytes(folder):
    before = (folder / "noise.safetensors").read_bytes()
    save_model(model(), "noise", card(), folder=folder)
    assert (folder / "noise.safetensors").read_bytes() == before


def test_a_channels_last_model_is_saved_as_well(folder):
    save_model(model().to(memory_format=torch.channels_last), "last", card(), folder=folder)
    images = tiny.images(2).float()
    torch.testing.assert_close(load_model("last", folder=folder)(images), load_model("noise", folder=folder)(images))


def test_a_file_that_differs_from_its_card_is_refused(folder):
    path = folder / "noise.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    for content in (bytes(data), bytes(data[:-1]), b""):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"^expected noise\.safetensors with SHA-256 .*, got .*: fetch it again$"):
            load_model("noise", folder=folder)


def test_a_truncated_file_with_a_matching_hash_is_refused(folder):
    data = (folder / "noise.safetensors").read_bytes()
    for content in (data[:-1], data[: len(data) // 2], data[:4], b""):
        replace_weights(folder, content)
        with pytest.raises(ValueError, match=r"^expected a safetensors file for noise, got something else: .*$"):
            load_model("noise", folder=folder)


class Hostile:
    """Unpickling it makes a folder."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.marker),)


def test_a_pickle_that_calls_itself_safetensors_is_refused_and_never_run(folder, tmp_path):
    marker = tmp_path / "it ran"
    torch.save({"head.weight": Hostile(marker)}, tmp_path / "hostile.pt")
    for data in (pickle.dumps(Hostile(marker)), (tmp_path / "hostile.pt").read_bytes()):
        replace_weights(folder, data)
        with pytest.raises(ValueError, match=r"^expected a safetensors file for noise, got something else: .*$"):
            load_model("noise", folder=folder)
        assert not marker.exists()
    pickle.loads(pickle.dumps(Hostile(marker)))
    assert marker.exists(), "the file was harmless, so this test showed nothing"


@pytest.mark.parametrize("change", [{"widths": (8, 16)}, {"widths": (8, 12, 12)}, {"network": "plain"}, {"classes": 7}])
def test_weights_of_another_network_are_refused_in_one_sentence(folder, change):
    save_model(model(), "noise", card(dataclasses.replace(RECIPE, **change)), folder=folder)
    with pytest.raises(ValueError, match=r"^expected the tensors of the recipe on noise's card [^\n]*$"):
        load_model("noise", folder=folder)


def test_a_missing_model_is_named_with_the_cure(folder):
    with pytest.raises(FileNotFoundError, match=r"nothing\.json; known: \['noise'\]; `make train` makes them"):
        load_model("nothing", folder=folder)
    (folder / "noise.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"noise\.safetensors, beside their card; `make train` makes them"):
        load_model("noise", folder=folder)


def test_a_kill_between_weights_and_card_is_noticed(folder, monkeypatch):
    write = files.write

    def only_weights(path: Path, data: bytes) -> None:
        if path.suffix == ".json":
            raise KeyboardInterrupt
        write(path, data)

    monkeypatch.setattr(files, "write", only_weights)
    with pytest.raises(KeyboardInterrupt):
        save_model(model(seed=1), "noise", card(), folder=folder)
    with pytest.raises(ValueError, match="fetch it again"):
        load_model("noise", folder=folder)
