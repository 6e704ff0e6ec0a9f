"""Work in layers, without a browser: Keep, Undo, and a player that starts from what was kept."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from course_lib.constraints import L2Ball
from course_lib.pgd import Problem
from course_lib.widgets import Player, controls
from course_lib.widgets.history import History
from tests.tools.demos import PATIENCE

NAMES = ("robust", "standard")


def grey(level: float) -> dict[str, Tensor]:
    return {name: torch.full((1, 3, 4, 4), level) for name in NAMES}


def level(history: History) -> float:
    return round(history.now["robust"].mean().item(), 4)


@given(st.lists(st.one_of(st.floats(0, 1, width=16), st.sampled_from(["undo", "begin"])), max_size=30))
def test_it_is_a_stack_whose_states_have_numbers_of_their_own(actions: list[float | str]) -> None:
    history, stack, seen = History(grey(0.5)), [0.5], {0: 0.5}
    for action in actions:
        if action == "undo":
            history.undo_button.click()
            stack = stack[:-1] or stack
        elif action == "begin":
            history.begin(grey(0.25))
            stack = [0.25]
        else:
            history.keep(grey(float(action)))
            stack.append(float(action))
        assert level(history) == round(stack[-1], 4)
        assert seen.setdefault(history.value, stack[-1]) == stack[-1]  # a number means one state, for ever


def test_pictures_of_other_names_or_shapes_are_refused() -> None:
    history = History(grey(0.5))
    with pytest.raises(ValueError, match=r"^expected pictures .*, got .*$"):
        history.keep({"robust": torch.zeros(1, 3, 4, 4)})
    with pytest.raises(ValueError, match=r"^expected pictures .*, got .*$"):
        history.keep({name: torch.zeros(1, 3, 5, 5) for name in NAMES})
    assert history.value == 0


def brightening() -> tuple[History, Player]:
    """A player whose every run makes the picture brighter by a step of length 0.1 in each pixel."""
    history = History(grey(0.1))

    def make(history_: int, steps: int) -> dict[str, Problem]:
        way = {"ball": L2Ball(9.0), "steps": steps, "step_size": 0.1 * 48**0.5}
        return {n: Problem(lambda x: -x.flatten(1).sum(1), start, **way) for n, start in history[history_].items()}

    player = Player(make, history_=history, steps=controls.steps(2))
    history.follow(player)
    return history, player


def run(player: Player) -> float:
    player.run()
    return round(player.wait(PATIENCE)["robust"].images.mean().item(), 4)


def test_a_run_starts_from_what_was_kept_and_undo_goes_back() -> None:
    history, player = brightening()
    assert run(player) == 0.3
    history.keep_button.click()
    assert level(history) == 0.3
    player.wait(PATIENCE)  # keeping is a change of a control, so it runs
    assert run(player) == 0.5
    history.undo_button.click()
    assert level(history) == 0.1
    assert round(player.wait(PATIENCE)["robust"].images.mean().item(), 4) == 0.3


def test_a_result_is_kept_once_and_never_one_of_another_state() -> None:
    history, player = brightening()
    history.keep_button.click()
    assert history.value == 0  # nothing has run yet
    run(player)
    player._worker.cancel()
    history.begin(grey(0.6))
    player.stop()  # the run that this change began
    history.keep_button.click()
    assert level(history) == 0.6  # what has finished began elsewhere
    history.value = 0
    player.stop()
    history.keep_button.click()
    assert level(history) == 0.3


def test_a_run_that_changed_nothing_is_not_kept() -> None:
    history, player = brightening()
    player.run(steps=1)
    player.wait(PATIENCE)
    history.keep_button.click()
    player.controls["steps"].min = 0
    player.run(steps=0)
    player.wait(PATIENCE)
    kept = history.value
    history.keep_button.click()
    assert history.value == kept == 1


def test_reset_leads_back_to_the_first_state() -> None:
    history, player = brightening()
    run(player)
    history.keep_button.click()
    player.wait(PATIENCE)
    player.reset()
    player._worker.wait(PATIENCE)
    assert (history.value, level(history)) == (0, 0.1)
