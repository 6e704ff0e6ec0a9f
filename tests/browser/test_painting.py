"""A person paints: a hole in notebook 05, and features in notebook 09, layer by layer."""

import pytest
from playwright.sync_api import ViewportSize

from tests.conftest import OpenNotebook
from tests.tools import lab
from tests.tools.hand import Hand
from tests.tools.parts import running

pytestmark = pytest.mark.browser
RESULTS = f"{lab.PLAYER} >> .divided img.widget-image ~ img.widget-image"  # right of the line


def test_a_hole_painted_by_hand_is_restored(open_notebook: OpenNotebook) -> None:
    with running(open_notebook, "05_inpainting", "setup", "eq-code", "demo-problem", "demo-code") as notebook:
        hand = Hand(notebook, "the hole")
        notebook.page.set_viewport_size(ViewportSize(width=1280, height=720))
        before, seen = notebook.pictures(RESULTS), hand.seen()
        hand.choose("Clear", "Brush")
        hand.drag((36, 60), (88, 68))
        assert hand.seen() != seen
        notebook.wait_for_status("Done")
        before = notebook.wait_for_change(before, RESULTS)
        notebook.show_player("_painted")
        boxes = [line.bounding_box() for line in notebook.page.locator(f"{lab.PLAYER} >> .divider").all()]
        assert all(box and box["width"] > 240 and box["y"] + box["height"] <= 720 for box in boxes)
        hand.choose("Ellipse")
        hand.drag((8, 8), (40, 40))  # beside the object
        before = notebook.wait_for_change(before, RESULTS)
        notebook.wait_for_status("Done")
        paper = hand.colour((120, 120))
        notebook.page.get_by_label("picture", exact=True).select_option("rocket")  # of no class: one is suggested
        notebook.page.locator(f"{lab.PLAYER} >> .said", has_text="as church").first.wait_for()
        notebook.wait_for_change(before, RESULTS)
        notebook.wait_for_status("Done")
        assert hand.colour((120, 120)) != paper
        notebook.show_player("_rocket")


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
