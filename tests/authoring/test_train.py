"""The command that trains looks at validation pictures after each epoch, keeps the best weights, survives a kill."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from course_lib.authoring import train as trainer
from course_lib.constraints import L2Ball
from course_lib.measuring.accuracy import accuracy
from course_lib.testbeds import Testbed, weights
from course_lib.training.augmentation import random_colours, random_crops, seeded
from course_lib.training.loop import train
from tests.training.test_loop import RECIPE, colours, finish

PHOTO = replace(RECIPE, data="imagenette", validation=40, averaging=0.9, peak_rate=0.1, radius=0.2)


def book(split: str, *, size: int) -> SimpleNamespace:
    """Pictures of three colours."""
    images, labels = colours({"train": 160, "validation": 60, "test": 50}[split])
    return SimpleNamespace(images=lambda: images, labels=labels)


def job(home: Path, *, name: str = "colours", **changes: Any) -> trainer.Job:
    """PHOTO on such pictures, of a testbed that measures robustness at 0.4 at 16 pixels."""
    bed = Testbed(
        name="colours",
        classes=("red", "green", "blue"),
        resolution=16,
        radius=0.4,
        pictures=book,
        weights={},
        settings="colours",
        home=home,
        attack={"steps": 3, "restarts": 2},
    )
    return trainer.Job(name, replace(PHOTO, **changes), bed)


@pytest.fixture
def train_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict]:
    """Trains such a job into a temporary folder; gives the card."""

    def run(**changes: Any) -> dict:
        trainer.run(job(tmp_path, **changes), count=50)
        return weights.load_card("colours", folder=tmp_path)

    monkeypatch.setattr(trainer, "CHECKPOINTS", tmp_path / "checkpoints")
    return run


def test_every_epoch_is_looked_at_and_the_best_one_is_kept(
    train_here: Callable[..., dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    train_here: Callable[..., dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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


def test_epochs_on_smaller_pictures_are_not_looked_at(train_here: Callable[..., dict]) -> None:
    assert [epoch["epoch"] for epoch in train_here(shrinks=(2, 2, 1))["validation"]] == [2, 3]


def test_the_card_tells_training_and_measurement_and_a_new_measurement_changes_that_alone(
    train_here: Callable[..., dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the radius of its own testbed, for pictures of half the side."""
    card = train_here()
    assert card["attack"] == {"norm": "l2", "radius": 0.2, "steps": 3, "restarts": 2}
    assert card["pictures"] == 50
    assert 0 <= card["robust"][0] <= card["clean"][0] <= 1
    assert job(tmp_path).done
    assert not job(tmp_path, epochs=4).done
    monkeypatch.setattr(trainer, "jobs", lambda data: ({"colours": job(tmp_path)}, {}))
    trainer.train_from(["colours", "--measure", "--count", "20"])
    again = weights.load_card("colours", folder=tmp_path)
    assert again["pictures"] == 20
    figures = ("pictures", "clean", "robust")
    assert all((again[key] == value) or key in figures for key, value in card.items())
    capsys.readouterr()
    trainer.train_from(["colours"])
    assert capsys.readouterr().out == f"colours: nothing to do, {tmp_path / 'colours'}.safetensors is there\n"


def test_every_network_is_measured_as_its_card_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is at the radius that its testbed owns, scaled to the size of the pictures; no other testbed's."""
    asked: list[dict[str, Any]] = []
    nothing = torch.zeros(1, 3, 8, 8, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64)
    monkeypatch.setattr(trainer.Job, "pictures", lambda *_: nothing)
    monkeypatch.setattr(trainer, "prepare", lambda model: model)
    monkeypatch.setattr(trainer, "judged", lambda *_: torch.ones(1))
    monkeypatch.setattr(trainer, "robust_hits", lambda *_, **how: asked.append(how) or torch.ones(1))
    shipped, on_request = trainer.jobs()
    per_pixel = {"picturebook": 4.0 / 64, "imagenette": 1.2 / 64, "cifar10": 0.5 / 32}  # L2, over the side
    for name, one in (shipped | on_request).items():
        attack = one.measured(torch.nn.Identity(), count=1)["attack"]
        assert attack["radius"] == pytest.approx(per_pixel[one.recipe.data] * one.recipe.size), name
        assert asked[-1]["ball"] == L2Ball(attack["radius"])
        assert name in on_request or weights.load_card(name)["attack"] == attack


def test_data_without_a_testbed_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^expected at least two folders .* in .*svhn, got none$"):
        trainer.jobs(f"folder:{tmp_path / 'svhn'}")


def test_half_precision_learns_as_well() -> None:
    images, labels = colours()
    recipe = replace(RECIPE, radius=0.0, averaging=0.9, epochs=6)
    full, half = (finish(train(replace(recipe, precision=p), images, labels)).model for p in ("float32", "bfloat16"))
    both = [accuracy(model, images.float() / 255, labels) for model in (full, half)]
    assert min(both) > 0.9
    assert abs(both[0] - both[1]) < 0.05
    assert all(parameter.dtype == torch.float32 for parameter in half.parameters())


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
