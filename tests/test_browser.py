"""Each notebook opens in JupyterLab, runs from top to bottom, and asks nothing of the network."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests import lab
from tests.conftest import ROOT, OpenNotebook

pytestmark = pytest.mark.browser
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
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


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_runs_in_the_browser(open_notebook: OpenNotebook, name: str) -> None:
    with open_notebook(f"notebooks/{name}") as notebook:
        notebook.run_all()
        assert notebook.screenfuls()
        assert notebook.complaints() == []


def test_a_person_moves_the_radius_in_targeted_pgd(open_notebook: OpenNotebook) -> None:
    pictures = f"{lab.PLAYER} >> img.widget-image"
    with open_notebook("notebooks/02_targeted_pgd.ipynb") as notebook:
        notebook.run_all()
        notebook.show_cell(notebook.index_of("player = Player("))
        notebook.wait_for_status("Done: 20 steps")  # a later cell has run it, at a radius of 10
        before = notebook.pictures(pictures)
        assert len(before) == 2
        for radius, keys in ((3.0, ["ArrowLeft"] * 14), (12.0, ["ArrowRight"] * 18)):
            notebook.press("ε (radius)", *keys)
            notebook.page.locator(f"{lab.PLAYER} >> .said", has_text=f"of at most {radius:.2f}").nth(1).wait_for()
            notebook.wait_for_status("Done: 20 steps")
            before = notebook.wait_for_change(before, pictures)
            assert notebook.slider("ε (radius)").get_attribute("aria-valuenow") == str(radius)
            notebook.show(lab.PLAYER)
            notebook.screenshot(f"_radius_{radius:.0f}")
        assert notebook.complaints() == []


def test_the_harness_moves_a_slider_and_sees_what_is_wrong(open_notebook: OpenNotebook) -> None:
    picture_from_afar = new_markdown_cell("![](https://course.invalid/picture.png)")
    failing = new_code_cell("import sys; print('seen', file=sys.stderr); 1 / 0")
    cells = [picture_from_afar, new_code_cell(SLIDER_AND_PICTURE), failing]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), open_notebook.root / "harness.ipynb")  # type: ignore[attr-defined]
    with open_notebook("harness.ipynb") as notebook:
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
