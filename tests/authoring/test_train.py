"""The command that trains looks at validation pictures after each epoch, keeps the best weights, survives a kill."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from course_lib.authoring import train as trainer
from course_lib.measuring.accuracy import accuracy
from course_lib.testbeds import weights
from course_lib.training.augmentation import random_colours, random_crops, seeded
from course_lib.training.loop import train
from course_lib.training.recipe import Recipe
from tests.conftest import ROOT
from tests.training.test_loop import RECIPE, colours, finish

pytestmark = pytest.mark.usefixtures("one_thread")
PHOTO = replace(RECIPE, data="imagenette", validation=40, averaging=0.9, peak_rate=0.1, radius=0.2)


@pytest.mark.parametrize("module", ["trainer", "training"])
def test_the_program_answers_to_both_names(module: str) -> None:
    command = [sys.executable, "-W", "error", "-m", f"course_lib.{module}", "no-such-model"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 2
    assert ended.stderr.endswith(", cifar10-pair-automobile-truck-standard; got no-such-model\n")


@pytest.fixture
def train_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict]:
    """Trains PHOTO on pictures of three colours, into a temporary folder; gives the card."""

    def pictures(recipe: Recipe, split: str, *, size: int | None = None) -> tuple[Tensor, Tensor]:
        return colours({"train": 160, "validation": 60, "test": 50}[split])

    def run() -> dict:
        trainer.run("colours", PHOTO, count=50, home=tmp_path)
        return weights.load_card("colours", folder=tmp_path)

    monkeypatch.setattr(trainer, "pictures", pictures)
    monkeypatch.setattr(trainer, "CHECKPOINTS", tmp_path / "checkpoints")
    return run


def test_every_epoch_is_looked_at_and_the_best_one_is_kept(
    train_here: Callable[[], dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "score", lambda epoch: -abs(epoch["epoch"] - 2))  # the second one is the best
    card = train_here()
    assert [epoch["epoch"] for epoch in card["validation"]] == [1, 2, 3]
    assert all(0 <= epoch["robust"] <= epoch["clean"] <= 1 for epoch in card["validation"])
    kept = weights.load_model("colours", folder=tmp_path).state_dict()
    after = {p.step: {k: v.clone() for k, v in p.model.state_dict().items()} for p in train(PHOTO, *colours())}
    distances = {step: (kept["head.weight"] - state["head.weight"]).abs().max() for step, state in after.items()}
    assert min(distances, key=distances.__getitem__) == 20
    assert distances[20] < 1e-3  # half precision


def test_a_killed_run_goes_on_with_its_history(
    train_here: Callable[[], dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = train_here()
    for path in [*tmp_path.glob("*.*"), *(tmp_path / "checkpoints").iterdir()]:
        path.unlink()
    monkeypatch.setattr("course_lib.training.loop.SAVE_EVERY", 0.0)
    look = trainer.Epochs.look

    def killed(self: trainer.Epochs, progress: trainer.Progress) -> None:
        look(self, progress)
        if progress.step == 20:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trainer.Epochs, "look", killed)
        with pytest.raises(KeyboardInterrupt):
            train_here()
    assert train_here()["validation"] == expected["validation"]


def test_epochs_on_smaller_pictures_are_not_looked_at(
    train_here: Callable[[], dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.authoring.test_train.PHOTO", replace(PHOTO, shrinks=(2, 2, 1)))
    assert [epoch["epoch"] for epoch in train_here()["validation"]] == [2, 3]


def test_robustness_is_measured_at_a_radius_for_the_size_of_the_pictures() -> None:
    measured = {}
    for size in (8, 16):
        recipe = replace(PHOTO, size=size)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(trainer, "pictures", lambda *_, **__: colours(20))
            measured[size] = trainer.measure(recipe, recipe.build(), count=20)["attack"]
    assert measured[16]["radius"] == 2 * measured[8]["radius"] == 1.2 * 16 / 64
    assert measured[8].keys() == {"norm", "radius", "steps", "restarts"}


def test_half_precision_learns_as_well() -> None:
    images, labels = colours()
    recipe = replace(RECIPE, radius=0.0, averaging=0.9, epochs=6)
    full, half = (finish(train(replace(recipe, precision=p), images, labels)).model for p in ("float32", "bfloat16"))
    both = [accuracy(model, images.float() / 255, labels) for model in (full, half)]
    assert min(both) > 0.9
    assert abs(both[0] - both[1]) < 0.05
    assert all(parameter.dtype == torch.float32 for parameter in half.parameters())


# --- crops and colours ------------------------------------------------------------------------------------------------


def test_a_random_crop_is_a_window_of_the_picture() -> None:
    """On pictures whose values are their own coordinates, a window is linear, and its corners tell where it lies."""
    place = (torch.arange(48) + 0.5) / 48
    coordinates = torch.stack([place.expand(48, 48), place[:, None].expand(48, 48), torch.ones(48, 48)])
    crops = random_crops(coordinates.expand(200, -1, -1, -1), 32, smallest=0.3, generator=seeded(0, 0, stream=3))
    assert crops.shape == (200, 3, 32, 32)
    across, down = crops[:, 0, 16], crops[:, 1, :, 16]
    sides = torch.stack([32 / 31 * (line[:, -1] - line[:, 0]) for line in (across, down)])
    areas, ratios = sides.prod(0), sides[0] / sides[1]
    assert 0.3 * 0.74 < areas.min() < 0.4
    assert 0.85 < areas.max() < 1.03
    assert (ratios > 0.7).all()
    assert (ratios < 1.4).all()
    inner = across[:, 2:-2]  # away from mirrored borders
    assert torch.allclose(inner.diff(dim=1), inner.diff(dim=1).mean(1, keepdim=True).expand(-1, 27), atol=1e-4)
    assert len(across[:, 0].unique()) > 150


def test_random_colours_keep_the_box_and_vary_each_picture_alone() -> None:
    pixels = torch.rand(50, 3, 8, 8, generator=seeded(0, 1, stream=3))
    varied = random_colours(pixels, 0.3, generator=seeded(0, 0, stream=3))
    assert 0 <= varied.min() <= varied.max() <= 1
    brightness = varied.mean((1, 2, 3)) / pixels.mean((1, 2, 3))
    assert 0.65 < brightness.min() < 0.85
    assert 1.15 < brightness.max() < 1.35
    alone = random_colours(pixels[:1], 0.3, generator=seeded(0, 5, stream=3))
    assert not torch.equal(alone[0], varied[0])
    grey = pixels.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    tinted = random_colours(grey, 0.3, generator=seeded(0, 0, stream=3))
    assert (tinted - tinted.mean(1, keepdim=True)).abs().max() < 1e-6, "grey stays grey"
