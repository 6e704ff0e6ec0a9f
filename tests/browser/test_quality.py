"""A person at the demos of super-resolution and of measuring quality: sliders, a menu, and what they say."""

import re

import pytest
from playwright.sync_api import ViewportSize

from tests.conftest import OpenNotebook
from tests.tools import lab
from tests.tools.parts import running

pytestmark = pytest.mark.browser
SAID = f"{lab.PLAYER} >> .said"
RESULT = ".divided img.widget-image ~ img.widget-image"  # right of the line


def run_the_player(notebook: lab.Notebook, steps: int = 20) -> None:
    notebook.page.locator(f"{lab.PLAYER} >> button", has_text="Run").click()
    notebook.wait_for_status(f"Done: {steps} steps")
    notebook.show_player("_player")


def test_a_small_radius_pulls_the_result_towards_the_small_picture(open_notebook: OpenNotebook) -> None:
    with running(open_notebook, "07_superresolution", "cell-01", "cell-05", "player-problem", "cell-08") as notebook:
        notebook.page.set_viewport_size(ViewportSize(width=1280, height=720))
        run_the_player(notebook, steps=15)
        results, lines = (notebook.page.locator(f"{lab.PLAYER} >> {place}") for place in (RESULT, ".divider"))
        boxes = [line.bounding_box() for line in lines.all()]
        assert results.count() == 2
        assert all(box and box["width"] > 320 and box["y"] + box["height"] <= 720 for box in boxes)
        before = notebook.pictures(f"{lab.PLAYER} >> {RESULT}")
        notebook.press("ε (radius)", *["ArrowLeft"] * 36)
        notebook.wait_for_change(before, f"{lab.PLAYER} >> {RESULT}")
        few = re.compile(r"of at most [36]\.0")  # at 128 pixels; at 64, where PictureBook stands in, half as much
        notebook.page.locator(SAID, has_text=few).nth(1).wait_for()
        notebook.wait_for_status("Done: 15 steps")
        notebook.show_player("_radius_6")


def test_the_same_question_on_photographs(open_notebook: OpenNotebook) -> None:
    with running(open_notebook, "10_measuring_quality", "cell-01", "player-problem", "cell-03") as notebook:
        run_the_player(notebook)
        before = notebook.pictures(lab.PLAYED)
        notebook.page.locator(f"{lab.PLAYER} >> select").first.select_option("imagenette")
        notebook.page.locator(SAID, has_text="wanted: tench").nth(1).wait_for()
        notebook.wait_for_status("Done: 20 steps")
        before = notebook.wait_for_change(before, lab.PLAYED)
        notebook.page.get_by_label("class", exact=True).select_option("summer or church")
        notebook.page.locator(SAID, has_text="wanted: church").nth(1).wait_for()
        notebook.wait_for_status("Done: 20 steps")
        notebook.wait_for_change(before, lab.PLAYED)
        notebook.show_player("_photographs")
