"""A person at the demos of super-resolution and of measuring quality: sliders, a menu, and what they say."""

import pytest

from tests.conftest import OpenNotebook
from tests.tools import lab
from tests.tools.parts import running

pytestmark = pytest.mark.browser
SAID = f"{lab.PLAYER} >> .said"


def run_the_player(notebook: lab.Notebook) -> None:
    notebook.page.locator(f"{lab.PLAYER} >> button", has_text="Run").click()
    notebook.wait_for_status("Done: 20 steps")
    notebook.show_player("_player")


def test_a_small_radius_pulls_the_result_towards_the_small_picture(open_notebook: OpenNotebook) -> None:
    with running(open_notebook, "07_superresolution", "cell-01", "cell-05", "player-problem", "cell-08") as notebook:
        run_the_player(notebook)
        assert len(notebook.pictures(lab.PLAYED)) == 2
        notebook.move("ε (radius)", ["ArrowLeft"] * 18, 3.0)
        notebook.page.locator(SAID, has_text="of at most 3.0").nth(1).wait_for()
        notebook.wait_for_status("Done: 20 steps")
        notebook.show_player("_radius_3")


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
