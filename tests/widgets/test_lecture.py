"""Lecture mode without a browser: presets play from memory within a second, Reset goes back."""

import time

import pytest
import torch

from course_lib.widgets import present
from tests.tools.demos import PATIENCE, status, until
from tests.widgets.test_player import Bench, decoded, watched


def buttons(lecture):  # type: ignore[no-untyped-def]
    return {button.description: button for button in lecture.children[0].children if hasattr(button, "description")}


def test_a_preset_plays_within_a_second_what_took_long() -> None:
    player = (bench := Bench(pause=0.02)).player(steps=30)
    lecture = present(player, {"weak": {"epsilon": 1.0}, "strong": {"epsilon": 40.0}})
    until(lambda: "Ready" in status(player))
    assert player.values == {"epsilon": 2.0, "steps": 30}
    computed, seen, begin = bench.calls, watched(player), time.monotonic()
    buttons(lecture)["strong"].click()
    runs = player.wait(PATIENCE)
    assert time.monotonic() - begin < 1.5  # about 0.8; the computation took 1.2 or more
    assert "Done: 30 steps from memory" in status(player)
    assert bench.calls == computed
    assert len(seen) >= 5, "the picture moves"
    assert [kind for _, kind in seen][-1] == "png"
    assert runs["robust"].problem.ball.radius == 40.0
    assert player.values == {"epsilon": 40.0, "steps": 30}
    assert decoded(player._screen.images["robust"]).any()


def test_presets_change_only_what_they_name_and_reset_goes_back() -> None:
    player = Bench().player(steps=5)
    lecture = present(player, {"weak": {"epsilon": 1.0}, "long": {"steps": 9}})
    buttons(lecture)["weak"].click()
    player.wait(PATIENCE)
    buttons(lecture)["long"].click()
    player.wait(PATIENCE)
    assert player.values == {"epsilon": 2.0, "steps": 9}
    player.reset()
    until(lambda: "Ready" in status(player))
    assert player.values == {"epsilon": 2.0, "steps": 5}


def test_without_presets_the_first_settings_are_one() -> None:
    lecture = present(player := Bench().player(steps=5))
    buttons(lecture)["first settings"].click()
    assert torch.equal(player.wait(PATIENCE)["robust"].losses[0], player.wait()["robust"].losses[0])
    assert "from memory" in status(player)


def test_a_replay_of_what_is_not_remembered_is_computed() -> None:
    player = (bench := Bench()).player(steps=5)
    player.replay(epsilon=3.0)
    assert player.wait(PATIENCE)["robust"].problem.ball.radius == 3.0
    assert bench.calls > 0
    assert "from memory" not in status(player)


def test_a_replay_is_given_up_for_what_comes_next() -> None:
    player = Bench().player(steps=5)
    present(player, {"weak": {"epsilon": 1.0}})
    player.replay(epsilon=1.0)
    player.run(epsilon=4.0)
    assert player.wait(PATIENCE)["robust"].problem.ball.radius == 4.0
    assert "from memory" not in status(player)


def test_a_preset_of_an_unknown_control_is_refused() -> None:
    player = Bench().player()
    with pytest.raises(ValueError, match="expected controls among epsilon, steps in preset 'far', got radius"):
        present(player, {"far": {"radius": 3.0}})
