"""Controls of where generation starts: the radius and steps follow the kind of seeds; blocks only where they exist."""

from typing import Any

import pytest
import torch

from course_lib import testbeds
from course_lib.constraints import L2Ball
from course_lib.pgd import Problem
from course_lib.pixels import nearest
from course_lib.seeds import KINDS
from course_lib.tasks import refine
from course_lib.testbeds import Testbed
from course_lib.widgets import Player
from course_lib.widgets.starts import seed_controls, seed_settings
from tests.tools import tiny
from tests.tools.demos import PATIENCE

PHOTOS = testbeds.load("imagenette-128")  # its seeds ship


def says(made: dict[str, Any]) -> dict[str, Any]:
    return {name: made[name].value for name in ("kind", "epsilon", "steps")}


def test_radius_and_steps_follow_the_kind_of_seeds_and_go_back() -> None:
    made = seed_controls(PHOTOS, "multivariate", at_most=1_000)
    assert says(made) == seed_settings(PHOTOS, "multivariate", at_most=1_000)
    near, far = (PHOTOS.tuned[task] for task in ("generate", "generate from noise"))
    assert says(made)["epsilon"] == near["ball"].radius < far["ball"].radius
    for kind, tuned in {"uniform": far, "mixture": near, "normal": far, "multivariate": near}.items():
        made["kind"].value = kind
        assert says(made) == {"kind": kind, "epsilon": tuned["ball"].radius, "steps": tuned["steps"]}


def test_a_slider_that_a_person_has_moved_stays() -> None:
    made = seed_controls(PHOTOS, "uniform", at_most=30)
    made["epsilon"].value = 33.5
    made["kind"].value = "multivariate"
    steps = seed_settings(PHOTOS, "multivariate", at_most=30)["steps"]
    assert says(made) == {"kind": "multivariate", "epsilon": 33.5, "steps": steps}
    made["epsilon"].value = seed_settings(PHOTOS, "multivariate")["epsilon"]
    made["kind"].value = "normal"
    assert says(made) == seed_settings(PHOTOS, "normal", at_most=30)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_tuned_for_every_kind_can_be_reached_from_every_other(kind: str) -> None:
    made = seed_controls(PHOTOS, kind)
    for other in KINDS:
        wanted = seed_settings(PHOTOS, other)
        assert made["epsilon"].max >= wanted["epsilon"]
        assert made["steps"].max >= wanted["steps"]


def test_blocks_are_offered_where_seeds_are_enlarged_and_hidden_elsewhere() -> None:
    for testbed, display in ((PHOTOS, None), (testbeds.load("cifar10"), None), (tiny.untrained_testbed(), "none")):
        assert seed_controls(testbed, "uniform")["blocks"].layout.display == display


def player_of(testbed: Testbed) -> Player:
    def play(kind: str, blocks: bool, epsilon: float, steps: int) -> dict[str, Problem]:
        generator, labels = torch.Generator().manual_seed(0), torch.tensor([0, 1])
        seeds = testbed.seeds(kind, blocks=blocks).sample(labels, generator=generator)
        return {"grey": refine(lambda x: x.mean((2, 3)), seeds, labels, ball=L2Ball(epsilon), steps=steps)}

    return Player(play, names=["grey"], **seed_controls(testbed, "multivariate", at_most=2))


def test_a_player_gets_blocks_and_the_radius_of_the_kind_that_was_chosen() -> None:
    player = player_of(PHOTOS)
    for blocks in (True, False):
        player.run(blocks=blocks)
        start = player.wait(PATIENCE)["grey"].problem.start
        assert torch.equal(start, nearest(start[..., ::8, ::8], 8)) == blocks
    player.run(kind="uniform")
    problem = player.wait(PATIENCE)["grey"].problem
    assert (problem.start.shape, problem.ball) == ((2, 3, 128, 128), PHOTOS.tuned["generate from noise"]["ball"])
    assert player.compute(**seed_settings(PHOTOS, "normal", at_most=2))["grey"].problem.steps == 2
