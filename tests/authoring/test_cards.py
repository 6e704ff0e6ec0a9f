"""Attacks that other people wrote, and accuracy against the radius: on the cards of all robust networks that ship."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from course_lib.authoring import cards
from course_lib.authoring.train import jobs
from course_lib.constraints import norms
from course_lib.testbeds.weights import load_card, save_model
from tests.authoring.test_train import job
from tests.conftest import ROOT

SHIPPED, ON_REQUEST = jobs()
ROBUST = {one.name: one for one in cards.robust_jobs(SHIPPED | ON_REQUEST)}
PAIRED = [name for name, one in ROBUST.items() if cards.counterpart(one, SHIPPED | ON_REQUEST)]
FAILS = {  # at its own radius its counterpart is no less robust; data/README.md says so, and 06 what the pictures show
    "picturebook-pair-apple-orange-robust",
    "picturebook-pair-horse-zebra-robust",
    "picturebook-pair-horse-zebra-linf",  # too weak an attack: both classify every picture
}


def brightness(images: Tensor) -> Tensor:
    """Class 1 for pictures that are brighter than one half."""
    bright = images.mean((1, 2, 3)) - 0.5
    return torch.stack([-bright, bright], 1)


def attack(move: Callable[[Tensor], Tensor], radius: float = 2.0) -> Any:
    """One that moves pictures and says so, for the network above."""
    return type("Attack", (), {"model": staticmethod(brightness), "eps": radius, "__call__": lambda _, x, y: move(x)})()


def test_a_picture_counts_where_no_attack_inside_the_ball_fools_the_network() -> None:
    levels = torch.tensor([0.2, 0.6, 0.9])
    images, labels = levels.view(3, 1, 1, 1).expand(3, 3, 4, 4), torch.tensor([1, 1, 1])
    far = norms(torch.full((1, 3, 4, 4), 0.2)).item()  # the length of a change by 0.2
    assert cards.survivors([attack(lambda x: x)], images, labels).tolist() == [False, True, True]
    darker = attack(lambda x: x - 0.2, far + 1e-5)
    assert cards.survivors([darker], images, labels).tolist() == [False, False, True]
    assert cards.survivors([attack(lambda x: x - 0.2, far / 2)], images, labels).tolist() == [False, True, True]
    assert cards.survivors([attack(lambda x: x), darker], images, labels).tolist() == [False, False, True]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "STEPS", 3)
    monkeypatch.setattr(cards, "QUERIES", 3)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("data", "names"), [("cifar10", ["APGD-CE", "FAB-T", "Square"]), ("imagenette", ["APGD-CE"])])
def test_small_pictures_meet_the_whole_of_autoattack(data: str, names: list[str], tmp_path: Path) -> None:
    """Three classes are too few for APGD-T; ten are not."""
    one = job(tmp_path, data=data, classes=3)
    images, labels = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0])
    row = cards.autoattack(one, one.recipe.build().eval().requires_grad_(False), images, labels)
    assert row["attacks"] == names
    assert (row["radius"], row["pictures"]) == (one.testbed.radius * one.recipe.size / one.testbed.resolution, 4)
    assert [*cards.attackers(one.recipe.build(), 1.0, 10)] == [*cards.STANDARD]


@pytest.mark.parametrize(("norm", "left"), [("l2", 1.0), ("linf", 0.0)])
def test_the_curve_is_measured_in_the_norm_of_the_training(norm: str, left: float, tmp_path: Path) -> None:
    """Pictures 0.04 above the border: every value moves by 0.05 in L-infinity, and by far less in L2."""
    one = job(tmp_path, norm=norm, radius=0.05)
    network: Any = type("Brightness", (torch.nn.Module,), {"forward": lambda _, images: brightness(images)})().eval()
    found = cards.curve(one, {"robust": network}, torch.full((2, 3, 16, 16), 0.54), torch.tensor([1, 1]))
    assert [share[0] for share in found["robust"]] == [1.0, 1.0, 1.0, 1.0, left]


@pytest.mark.parametrize("how", [{"norm": "linf"}, {"linear": True}])
def test_other_ways_of_training_have_the_same_counterpart(how: dict[str, Any], tmp_path: Path) -> None:
    plain = job(tmp_path, radius=0.0)
    assert cards.counterpart(job(tmp_path, **how), {"other": job(tmp_path), "plain": plain}) == "plain"


@pytest.mark.usefixtures("quick")
def test_the_command_adds_to_a_card_and_changes_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    robust, standard = job(tmp_path, name="colours"), job(tmp_path, name="plain", radius=0.0)
    for one in (robust, standard):
        save_model(one.recipe.build(), one.name, {"recipe": vars(one.recipe)}, folder=tmp_path)
    before = load_card("colours", folder=tmp_path)
    monkeypatch.setattr(cards, "jobs", lambda: ({"colours": robust, "plain": standard}, {}))
    cards.cards(["--table"])
    assert load_card("colours", folder=tmp_path) == before
    cards.cards(["--count", "9"])
    card = json.loads((tmp_path / "colours.json").read_text())
    assert {key: card[key] for key in before} == before
    assert card["curve"]["counterpart"] == "plain"
    assert card["curve"]["radii"][-1] == robust.recipe.radius
    assert len(card["curve"]["robust"]) == len(card["curve"]["standard"]) == len(cards.SHARES)
    assert sorted(card["provenance"]["weights"]) == ["colours", "plain"]
    assert cards.table([card]) in capsys.readouterr().out


@pytest.mark.parametrize("name", PAIRED)
def test_a_robust_network_is_more_robust_than_its_counterpart_where_it_was_trained(name: str) -> None:
    """By the intervals at its own training radius, which do not overlap."""
    curve = load_card(name)["curve"]
    assert curve["pictures"] >= 200
    assert curve["radii"][-1] == ROBUST[name].recipe.radius
    assert (curve["robust"][-1][1] > curve["standard"][-1][2]) != (name in FAILS)


@pytest.mark.parametrize("name", ROBUST)
def test_every_robust_network_met_autoattack(name: str) -> None:
    card, whole = load_card(name), ROBUST[name].recipe.data == cards.WHOLE
    row = card["autoattack"]
    assert row["pictures"] >= (cards.MANY if whole else cards.FEW)
    expected = cards.STANDARD if whole else cards.QUICK
    assert row["attacks"] == [*expected[: None if card["recipe"]["classes"] > 3 else 1]]
    assert row["radius"] == card["attack"]["radius"]
    assert row["robust"][0] <= card["clean"][2]


def test_the_page_shows_what_the_cards_say() -> None:
    shown = cards.table([load_card(name) for name in ROBUST])
    assert shown in (ROOT / "data" / "README.md").read_text()
