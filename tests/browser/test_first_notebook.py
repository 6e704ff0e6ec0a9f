"""Each notebook opens in JupyterLab, runs from top to bottom, and asks nothing of the network."""

import pytest
from nbformat.v4 import new_markdown_cell

from tests.conftest import ROOT, OpenNotebook
from tests.tools import lab
from tests.tools.parts import running, written

pytestmark = pytest.mark.browser
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
# Other browser tests run the cells of these that need a browser.
IN_PARTS = ("01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11")
WHOLE = [pytest.param(name, marks=[pytest.mark.full] * name.startswith(IN_PARTS)) for name in NOTEBOOKS]
SLIDER_AND_PICTURE = """
import io
import ipywidgets as widgets
from PIL import Image

slider, picture = widgets.IntSlider(description="grey", max=255), widgets.Image(width=64, height=64)

def draw(change):
    stream = io.BytesIO()
    Image.new("L", (8, 8), slider.value).save(stream, "PNG")
    picture.value = stream.getvalue()

slider.observe(draw, "value")
draw(None)
widgets.VBox([slider, picture])
"""


@pytest.mark.parametrize("name", WHOLE)
def test_notebook_runs_in_the_browser(open_notebook: OpenNotebook, name: str) -> None:
    with open_notebook.again(f"notebooks/{name}") as notebook:
        notebook.run_all()
        assert notebook.screenfuls()
        assert notebook.complaints() == []


def test_a_person_watches_a_training_again(open_notebook: OpenNotebook) -> None:
    cells = ("cell-01", "cell-03", "predict-1", "cell-05", "cell-08")
    with running(open_notebook, "01_robust_training", *cells, shows="watch = Watch(") as notebook:
        robust = f"{lab.PLAYED} >> nth=0"
        before = notebook.pictures(robust)
        notebook.page.locator(f"{lab.PLAYER} >> button", has_text="Run").click()
        notebook.wait_for_status("Done in")
        end = notebook.wait_for_change(before, robust)
        notebook.press("step", "Home")
        notebook.wait_for_change(end, robust)
        notebook.show_player("_watched")


def test_a_person_moves_the_radius_in_targeted_pgd(open_notebook: OpenNotebook) -> None:
    with running(open_notebook, "02_targeted_pgd", "cell-01", "cell-13") as notebook:
        assert len(notebook.pictures(lab.PLAYED)) == 2
        for radius, keys in ((12.0, ["ArrowLeft"] * 24), (26.0, ["ArrowRight"] * 28)):  # the standard change is 14 long
            notebook.move("ε (radius)", keys, radius)
            notebook.page.locator(f"{lab.PLAYER} >> .said", has_text=f"of at most {radius:.2f}").nth(1).wait_for()
            notebook.wait_for_status("Done: 15 steps")
            notebook.show_player(f"_radius_{radius:.0f}")


def test_the_link_at_the_top_opens_the_next_notebook(open_notebook: OpenNotebook) -> None:
    with open_notebook.again("notebooks/00_start_here.ipynb") as notebook:
        notebook.page.get_by_role("link", name="Next: robust training").first.click()
        notebook.page.locator(".jp-mod-current", has_text="01_robust_training.ipynb").wait_for()
        notebook.page.get_by_role("heading", name="Robust training: one number makes the difference").wait_for()


def test_the_harness_moves_a_slider_and_sees_what_is_wrong(open_notebook: OpenNotebook) -> None:
    picture_from_afar = new_markdown_cell("![](https://course.invalid/picture.png)")
    failing = "import sys; print('seen', file=sys.stderr); 1 / 0"
    with open_notebook.again(
        written(open_notebook, "harness.ipynb", picture_from_afar, SLIDER_AND_PICTURE, failing)
    ) as notebook:
        notebook.run_all()
        notebook.show_cell(1)
        notebook.slider("grey").wait_for()
        before = notebook.pictures()
        notebook.press("grey", "ArrowRight", "End")
        notebook.wait_for_change(before)
        assert notebook.slider("grey").get_attribute("aria-valuenow") == "255.0"
        assert notebook.complaints() == ["ZeroDivisionError: division by zero", "seen\n"]
        assert any("leaves the machine: https://course.invalid" in problem for problem in notebook.problems)
        notebook.problems.clear()
