"""A person paints: a hole in notebook 05, and features in notebook 09, layer by layer."""

import pytest

from tests.conftest import OpenNotebook
from tests.tools import lab
from tests.tools.hand import Hand
from tests.tools.parts import running

pytestmark = pytest.mark.browser


def test_a_hole_painted_by_hand_is_restored(open_notebook: OpenNotebook) -> None:
    with running(open_notebook, "05_inpainting", "setup", "eq-code", "demo-problem", "demo-code") as notebook:
        hand = Hand(notebook, "the hole")
        before, seen = notebook.pictures(lab.PLAYED), hand.seen()
        hand.choose("Clear", "Brush")
        hand.drag((18, 30), (44, 34))
        assert hand.seen() != seen
        notebook.wait_for_status("Done")
        before = notebook.wait_for_change(before, lab.PLAYED)
        notebook.show_player("_painted")
        hand.choose("Ellipse")
        hand.drag((4, 4), (20, 20))  # beside the object
        before = notebook.wait_for_change(before, lab.PLAYED)
        notebook.wait_for_status("Done")
        paper = hand.colour((60, 60))
        notebook.press("picture", "ArrowRight")  # another picture, with a random square
        notebook.wait_for_change(before, lab.PLAYED)
        notebook.wait_for_status("Done")
        assert hand.colour((60, 60)) != paper


def test_features_are_painted_kept_and_undone(open_notebook: OpenNotebook) -> None:
    with running(open_notebook, "09_feature_painting", "setup", "demo-problem", "demo-code") as notebook:
        hand = Hand(notebook, "where")
        player = notebook.page.locator(lab.PLAYER)
        run, keep, undo = (player.locator("button", has_text=name) for name in ("Run", "Keep", "Take back"))
        original, first = hand.colour((32, 32)), notebook.pictures(lab.PLAYED)
        run.click()
        notebook.wait_for_status("Done")
        painted = notebook.wait_for_change(first, lab.PLAYED)
        notebook.show_player("_painted")
        keep.click()
        notebook.wait_for_status("Done: 0 steps")  # nothing is painted yet on what was kept
        assert notebook.pictures(lab.PLAYED) == painted
        kept = hand.colour((32, 32))
        assert kept != original
        hand.choose("Rectangle")
        hand.drag((2, 2), (62, 18))
        notebook.wait_for_change(painted, lab.PLAYED)
        notebook.wait_for_status("Done")
        notebook.show_player("_second")
        undo.click()
        notebook.wait_for_status("Done: 0 steps")
        assert hand.colour((32, 32)) == original
        assert notebook.pictures(lab.PLAYED) == first
