"""A prediction as a person meets it: the keyboard, a second run of the cell, a restart, and hands in a lecture."""

import pytest

from tests.conftest import OpenNotebook
from tests.tools.lab import NOTEBOOK, Notebook
from tests.tools.parts import written

pytestmark = pytest.mark.browser
ASK = """
from course_lib.widgets import predict
prediction = predict("Will both draw a church?", ["both", "only the robust one", "neither"])
prediction
"""
REVEAL, TELL = "prediction.reveal(1)", "print(prediction)"
ROBUST = "only the robust one"


def said(notebook: Notebook, words: str) -> None:
    notebook.page.locator(".course-predict [role=status]", has_text=words).first.wait_for()


def prints(notebook: Notebook, cell: int, words: str) -> None:
    """Run a cell until it prints this: a browser sends what was chosen in its own time."""
    for _ in range(10):
        notebook.run_cell(cell)
        if notebook.text_of(cell).endswith(words):
            return
    raise AssertionError(f"expected {words!r} at the end, got {notebook.text_of(cell)!r}")


def test_the_keyboard_alone_chooses_and_the_choice_outlives_the_kernel(open_notebook: OpenNotebook) -> None:
    with open_notebook.again(written(open_notebook, "predict.ipynb", ASK, REVEAL, TELL)) as notebook:
        page = notebook.page
        notebook.run_cell(0)
        said(notebook, "Choose before you run the next cell.")
        page.get_by_role("radio", name="both").focus()
        page.keyboard.press("Space")
        page.keyboard.press("ArrowDown")
        said(notebook, f"You chose “{ROBUST}”. The answer comes with the run.")
        assert page.evaluate(f"{NOTEBOOK}.content.activeCellIndex") == 0, "arrows move the choice, not the cell"
        prints(notebook, 2, f"Prediction(choice: '{ROBUST}', answer: not yet)\n")

        page.evaluate(f"{NOTEBOOK}.sessionContext.session.kernel.restart()")
        notebook.wait_for_idle()
        notebook.run_cell(0)
        said(notebook, f"You chose “{ROBUST}”")
        prints(notebook, 2, f"Prediction(choice: '{ROBUST}', answer: not yet)\n")
        notebook.run_cell(1)
        said(notebook, f"You chose “{ROBUST}”. The answer is “{ROBUST}”, as you predicted.")
        assert page.get_by_role("radio", name=ROBUST).first.is_checked()
        assert page.get_by_role("radio", name=ROBUST).first.is_disabled()
        notebook.screenshot()


def test_a_choice_is_there_the_next_day_and_in_another_browser(open_notebook: OpenNotebook) -> None:
    name = written(open_notebook, "tomorrow.ipynb", ASK.replace("church", "golf ball"), TELL)
    with open_notebook(name) as notebook:
        notebook.run_cell(0)
        notebook.page.get_by_role("radio", name="neither").check()
        notebook.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    with open_notebook(name) as notebook:  # in a browser that remembers nothing
        said(notebook, "You chose “neither”.")
        notebook.page.get_by_role("radio", name="both").check()  # no kernel hears of it
        said(notebook, "You chose “both”.")
        notebook.run_all()
        said(notebook, "You chose “both”.")
        prints(notebook, 1, "Prediction(choice: 'both', answer: not yet)\n")
        assert notebook.complaints() == []


def test_hands_are_counted_and_the_answer_waits_until_the_room_asks(open_notebook: OpenNotebook) -> None:
    other = ASK.replace("church", "dog")
    with open_notebook.again(
        written(open_notebook, "hands.ipynb", other, REVEAL, TELL + "; print(prediction.hands)")
    ) as notebook:
        page = notebook.page
        notebook.run_all()
        predicted = page.locator(".course-predict").first
        said(notebook, "The answer is there: choose first.")
        assert ROBUST not in predicted.locator("[role=status]").inner_text()
        predicted.get_by_role("button", name="Show of hands").click()
        predicted.get_by_role("spinbutton", name="hands for: both").fill("12")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")  # one hand more: both
        predicted.get_by_role("button", name=f"one hand more: {ROBUST}").click()
        prints(notebook, 2, "[13, 1, 0]\n")
        wide = predicted.locator(".bar").evaluate_all("bars => bars.map(bar => bar.getBoundingClientRect().width)")
        assert wide[0] == pytest.approx(13 * wide[1], rel=0.01)
        assert wide[2] == 0
        predicted.get_by_role("button", name="Show the answer").click()
        said(notebook, f"You made no choice. The answer is “{ROBUST}”.")
        assert predicted.locator(".option", has_text=ROBUST).locator(".mark").inner_text() == "← the answer"
        notebook.screenshot()


def test_the_first_notebook_shows_every_task_on_a_small_screen(open_notebook: OpenNotebook) -> None:
    with open_notebook.again("notebooks/00_start_here.ipynb") as notebook:
        notebook.page.set_viewport_size({"width": 1280, "height": 720})
        picture = notebook.page.locator(".jp-RenderedMarkdown img").first
        picture.wait_for()
        notebook.page.wait_for_function("document.querySelector('.jp-RenderedMarkdown img').naturalWidth > 0")
        place = picture.bounding_box()
        assert place is not None
        assert place["width"] >= 700
        assert place["y"] + place["height"] < 690, "all of it, above the status line"
        notebook.screenshot("_opened")
