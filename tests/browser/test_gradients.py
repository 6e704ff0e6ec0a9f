"""The demo of gradients as a person meets it: first pictures, sliders, views, the dial, a picture of one's own."""

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import ViewportSize

from course_lib.testbeds import imagenette
from tests.conftest import OpenNotebook
from tests.tools import lab
from tests.tools.parts import written

pytestmark = pytest.mark.browser
DEMO = "from course_lib.widgets import Gradients\n\nGradients()"
FIRST = 300  # milliseconds from a key to the first picture, at most, on a machine that does other things beside
WHEN = """() => new Promise(done => {
    const images = [...document.querySelectorAll('.course-player .sheet img')];
    const before = images.map(image => image.src);
    let pressed = 0;
    document.addEventListener('keydown', event => { pressed ||= event.timeStamp; }, {capture: true, once: true});
    window.first = new Promise(found => {
        const look = () => images.every((image, place) => image.src !== before[place])
            ? found(performance.now() - pressed) : requestAnimationFrame(look);
        look();
    });
    done();
})"""


@pytest.fixture(scope="module")
def notebook(open_notebook: OpenNotebook) -> Iterator[lab.Notebook]:
    with open_notebook.again(written(open_notebook, "gradients.ipynb", DEMO)) as notebook:
        notebook.page.set_viewport_size(ViewportSize(width=1280, height=720))
        notebook.run_all()
        notebook.wait_for_status("Ready")
        yield notebook


def choose(notebook: lab.Notebook, menu: str, option: str) -> None:
    box = notebook.page.locator(".course-player .widget-dropdown", has_text=menu).first
    box.locator("select").select_option(label=option)


def test_it_opens_with_both_gradients_large_and_on_one_screen(notebook: lab.Notebook) -> None:
    notebook.show_player("-opened")
    boxes = [image.bounding_box() for image in notebook.page.locator(lab.PLAYED).all()]
    assert all(box and box["width"] >= 320 and box["y"] + box["height"] <= 720 for box in boxes)
    assert len(set(notebook.pictures(lab.PLAYED))) == 2


@pytest.mark.full
def test_a_key_on_a_slider_shows_its_first_picture_at_once(notebook: lab.Notebook) -> None:
    choose(notebook, "view", "picture")
    notebook.wait_for_status("Done")
    times = []
    for key in ("ArrowRight", "ArrowRight", "ArrowRight"):
        notebook.page.evaluate(WHEN)
        notebook.press("noise σ", key)
        times.append(notebook.page.evaluate("window.first"))
        notebook.wait_for_status("Done")
    assert min(times) < FIRST, times


def test_views_switch_and_the_dial_changes_the_network(notebook: lab.Notebook) -> None:
    said = notebook.page.locator(".course-player .said").first
    for view, words in {"picture": "changed by", "change": "enlarged", "gradient": "minus the gradient"}.items():
        before = notebook.pictures(lab.PLAYED)
        choose(notebook, "view", view)
        said.filter(has_text=words).wait_for()
        notebook.wait_for_status("Done")
        assert view == "picture" or notebook.pictures(lab.PLAYED) != before
    before = notebook.pictures(lab.PLAYED)
    notebook.press("training radius", "End")
    notebook.wait_for_change(before, lab.PLAYED)
    said.filter(has_text=f"trained at {max(imagenette.dial()):g}:").wait_for()
    notebook.show_player("-dial")


def test_a_picture_of_ones_own_is_shown_and_what_is_none_gets_one_sentence(notebook: lab.Notebook) -> None:
    chooser = notebook.page.locator(".course-player input[type=file]")
    chooser.set_input_files(files=[{"name": "IMG_1.HEIC", "mimeType": "image/heic", "buffer": b"\0\0\0\x18ftypheic"}])
    told = "expected a picture that this browser can show (PNG, JPEG, WebP), got IMG_1.HEIC"
    notebook.page.locator(".course-player span", has_text=told).wait_for()
    photograph = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (3000, 4000, 3), np.uint8)
    Image.fromarray(noise).save(photograph, "PNG")  # 36 MB, more than a Jupyter server takes in one message
    before = notebook.pictures(lab.PLAYED)
    chooser.set_input_files(files=[{"name": "own.png", "mimeType": "image/png", "buffer": photograph.getvalue()}])
    notebook.wait_for_change(before, lab.PLAYED)
    notebook.wait_for_status("Done")
    assert notebook.page.locator(".course-player select").first.input_value() == "your own"
    assert not notebook.page.locator(".course-player span", has_text=told).count()
    notebook.show_player("-own")
