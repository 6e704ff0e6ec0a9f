"""Presets and checks of a demo without a browser: a button for each preset, and computing apart from the screen."""

import pytest
import torch

from course_lib.pgd import solve
from tests.tools.demos import PATIENCE, status, until
from tests.widgets.test_player import Bench, watched

PRESETS = {"weak": {"epsilon": 1.0}, "strong": {"epsilon": 40.0}, "long": {"steps": 9}}


def test_a_preset_is_computed_once_and_played_from_memory_afterwards() -> None:
    player = (bench := Bench(pause=0.005)).player(steps=30, presets=PRESETS)
    button = player._screen.presets["strong"]
    button.click()
    assert player.wait(PATIENCE)["robust"].problem.ball.radius == 40.0
    player.run(epsilon=3.0)
    player.wait(PATIENCE)
    computed, seen = bench.calls, watched(player)
    button.click()
    runs = player.wait(PATIENCE)
    assert "Done: 30 steps from memory" in status(player)
    assert bench.calls == computed
    assert len(seen) >= 5, "the picture moves"
    assert seen[-1] == "png"
    assert runs["robust"].problem.ball.radius == 40.0


def test_presets_change_only_what_they_name_and_reset_goes_back() -> None:
    player = Bench().player(steps=5, presets=PRESETS)
    player.play("weak")
    player.wait(PATIENCE)
    player.play("long")
    player.wait(PATIENCE)
    assert player.values == {"epsilon": 2.0, "steps": 9}
    player.reset()
    until(lambda: "Ready" in status(player))
    assert player.values == {"epsilon": 2.0, "steps": 5}


def test_the_button_of_the_preset_that_the_controls_stand_at_is_marked() -> None:
    player = Bench().player(steps=5, presets=PRESETS)

    def marked() -> list[str]:
        return [name for name, button in player._screen.presets.items() if button.button_style]

    assert marked() == []
    player.play("weak")
    assert marked() == ["weak"]
    player.controls["epsilon"].value = 7.0
    assert marked() == []
    player.controls["epsilon"].value = 40.0
    player.wait(PATIENCE)
    assert marked() == ["strong"]


def test_what_comes_next_ends_a_preset_that_is_played() -> None:
    player = Bench().player(steps=5, presets=PRESETS)
    player.play("weak")
    player.wait(PATIENCE)
    player.play("weak")
    player.run(epsilon=4.0)
    assert player.wait(PATIENCE)["robust"].problem.ball.radius == 4.0
    assert "from memory" not in status(player)


def test_a_preset_of_an_unknown_control_is_refused() -> None:
    with pytest.raises(ValueError, match="expected controls among epsilon, steps in preset 'far', got radius"):
        Bench().player(presets={"far": {"radius": 3.0}})


def test_a_check_touches_neither_screen_nor_controls() -> None:
    player = (bench := Bench()).player(steps=5)
    player.run(epsilon=6.0)
    mine = player.wait(PATIENCE)
    seen, said, values = watched(player), status(player), player.values
    runs = player.compute(steps=3)
    assert (player.wait(PATIENCE), status(player), player.values, seen) == (mine, said, values, [])
    for name, problem in bench.make(2.0, 3).items():  # epsilon is the first one, not the one explored
        assert torch.equal(runs[name].images, solve(problem))
        assert len(runs[name].losses) == 4


def test_a_check_raises_what_goes_wrong() -> None:
    with pytest.raises(ValueError, match="expected problems named robust, plain"):
        Bench().player(names=("robust", "plain")).compute()
