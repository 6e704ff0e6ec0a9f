"""The small networks for teaching: what they were asked for, and what their cards measured."""

from dataclasses import replace

from course_lib.testbeds import cifar10, imagenette, weights
from course_lib.training.recipe import Recipe

MOST_BYTES = 500_000


def test_the_weak_network_is_small_and_what_its_card_says() -> None:
    card, model = weights.load_card("cifar10-weak"), weights.load_model("cifar10-weak")  # checks the hash
    assert Recipe.from_card(card["recipe"]) == cifar10.ON_REQUEST["cifar10-weak"]
    assert card["parameters"] == sum(value.numel() for value in model.parameters())
    assert card["pictures"] >= 500
    assert (weights.FOLDER / "cifar10-weak.safetensors").stat().st_size < MOST_BYTES


def test_the_weak_network_is_about_as_weak_as_the_papers() -> None:
    clean = weights.load_card("cifar10-weak")["clean"][0]
    assert 0.4 <= clean <= 0.5, "Santurkar et al. 2019, footnote 3: 45%"


def test_penalty_and_norm_are_one_change_beside_the_dial() -> None:
    of = imagenette.ON_REQUEST
    assert replace(of["imagenette-penalty"], linear=False) == of["imagenette-radius-1.2"]
    assert replace(of["imagenette-linf"], norm="l2", radius=1.2) == of["imagenette-radius-1.2"]


def test_the_dial_keeps_to_its_six_networks() -> None:
    assert set(imagenette.dial()) <= set(imagenette.DIAL)
    assert all("-radius-" in name for name in imagenette.dial().values())
