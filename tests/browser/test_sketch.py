"""Sketch to image as a person meets it: drawing with the mouse, holding the button, taking turns with the network."""

import re

import pytest

from tests.conftest import OpenNotebook
from tests.tools import lab
from tests.tools.hand import Hand
from tests.tools.parts import part

pytestmark = pytest.mark.browser


def test_a_person_draws_and_holds_in_sketch_to_image(open_notebook: OpenNotebook) -> None:
    cells = ("setup", "looks", "player-problem", "player", "evolve-problem", "evolve")
    name = part(open_notebook, "08_sketch_to_image", *cells)
    with open_notebook.again(name) as notebook:
        notebook.run_all()
        notebook.wait_for_status("Ready")
        before = notebook.pictures(lab.PLAYED)
        hand = Hand(notebook, "your drawing")
        hand.choose("Clear", "orange", "Ellipse")
        hand.drag((14, 18), (50, 54))
        before = notebook.wait_for_change(before, lab.PLAYED)
        hand.choose("green", "Brush")
        hand.drag((32, 18), (34, 8), (44, 6))
        notebook.wait_for_change(before, lab.PLAYED)
        notebook.wait_for_status("Done: 15 steps")
        notebook.show(".course-shelf")
        notebook.screenshot("_drawn")

        player = notebook.page.locator(".course-player").nth(1)
        mine = ".course-player >> nth=1 >> img.widget-image"
        notebook.show(".course-player >> nth=1")
        player.locator(".status", has_text="Ready at step 0").wait_for()
        before, hold = notebook.pictures(mine), player.locator(".course-hold")
        hold.hover()
        notebook.page.mouse.down()
        player.locator(".status", has_text="Evolving").wait_for()
        notebook.wait_for_change(before, mine)
        player.locator(".status", has_text=re.compile(r"at step [2-9]\d")).wait_for()
        notebook.page.mouse.up()
        player.locator(".status", has_text="Stopped at step").wait_for()
        notebook.show(".course-player >> nth=1")
        notebook.screenshot("_held")

        paper = Hand(notebook, "your drawing", view=1)
        drawn = paper.seen([".paper"])
        notebook.page.get_by_role("button", name="Draw on the robust picture").click()
        player.locator(".status", has_text="Ready at step 0").wait_for()
        paper.button("Undo").and_(notebook.page.locator(":disabled")).wait_for()
        assert paper.seen([".paper"]) != drawn
        hold.focus()
        notebook.page.keyboard.down(" ")
        player.locator(".status", has_text="Evolving").wait_for()
        notebook.page.keyboard.up(" ")
        player.locator(".status", has_text="Stopped at step").wait_for()
        notebook.show(".course-player >> nth=1")
        notebook.screenshot("_turns")
        assert notebook.complaints() == []
