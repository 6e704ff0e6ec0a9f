"""The line over before and after: it follows mouse, finger and arrow keys, over both sheets, and says what is where."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import FloatRect, ViewportSize

from tests.conftest import OpenNotebook
from tests.tools import lab
from tests.tools.parts import written

pytestmark = pytest.mark.browser
DEMO = """
import torch
from course_lib.constraints import L2Ball
from course_lib.pgd import Problem
from course_lib.widgets import Player, controls

colours = {"robust": [1.0, 0.0, 0.0], "standard": [0.0, 0.0, 1.0]}


def make(left, steps):
    goals = {name: torch.tensor(colour).view(1, 3, 1, 1) for name, colour in colours.items()}
    losses = {n: (lambda x, goal=goal: (x - goal).square().flatten(1).sum(1)) for n, goal in goals.items()}
    way = {"start": torch.ones(1, 3, 16, 16), "ball": L2Ball(99.0), "steps": steps, "step_size": 9.0}
    return {name: Problem(loss, **way) for name, loss in losses.items()}


Player(
    make,
    divider=40,
    view=lambda moment: torch.cat([moment.problem.start * (moment.values["left"] == "white"), moment.frame.images]),
    parts=lambda values: [values["left"], "result"],
    left=controls.menu("left", ["white", "black"], "white"),
    steps=controls.steps(4),
)
"""
WHITE, BLACK, RED, BLUE = (255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 0, 255)


class Sheets:
    """The two sheets as a person sees them; places are shares of a sheet's width."""

    def __init__(self, notebook: lab.Notebook) -> None:
        self.notebook, self.page = notebook, notebook.page
        self.lines = self.page.locator(f"{lab.PLAYER} >> .divider")

    def box(self, number: int) -> FloatRect:
        box = self.lines.nth(number).bounding_box()
        assert box is not None
        return box

    def point(self, number: int, share: float) -> tuple[float, float]:
        box = self.box(number)
        return box["x"] + share * box["width"], box["y"] + 0.6 * box["height"]

    def colours(self, *shares: float) -> list[list[Any]]:
        """What is seen at these places of each sheet."""
        screen = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        places = [[self.point(number, share) for share in shares] for number in (0, 1)]
        return [[screen.getpixel((round(x), round(y))) for x, y in sheet] for sheet in places]


@pytest.fixture(scope="module")
def sheets(open_notebook: OpenNotebook) -> Iterator[Sheets]:
    with open_notebook.again(written(open_notebook, "divider.ipynb", DEMO)) as notebook:
        notebook.page.set_viewport_size(ViewportSize(width=1280, height=720))
        notebook.run_all()
        notebook.wait_for_status("Ready")
        notebook.page.locator(f"{lab.PLAYER} >> button", has_text="Run").click()
        notebook.wait_for_status("Done")
        notebook.show_player("-half")
        yield Sheets(notebook)
        assert notebook.complaints() == []


def test_before_is_left_of_the_line_and_after_right_on_one_screen(sheets: Sheets) -> None:
    assert sheets.colours(0.35, 0.45) == [[WHITE, RED], [WHITE, BLUE]]
    assert all(box["y"] + box["height"] <= 720 and box["width"] > 300 for box in (sheets.box(0), sheets.box(1)))


def test_the_mouse_drags_the_line_over_both_sheets(sheets: Sheets) -> None:
    mouse = sheets.page.mouse
    mouse.move(*sheets.point(0, 0.4))
    mouse.down()
    mouse.move(*sheets.point(0, 0.8), steps=4)
    mouse.up()
    assert sheets.colours(0.7, 0.9) == [[WHITE, RED], [WHITE, BLUE]]
    mouse.click(*sheets.point(1, 0.2))
    assert sheets.colours(0.1, 0.3, 0.7) == [[WHITE, RED, RED], [WHITE, BLUE, BLUE]]
    sheets.notebook.show_player("-dragged")


def test_a_finger_drags_it(sheets: Sheets) -> None:
    hand = sheets.page.context.new_cdp_session(sheets.page)
    for kind, share in (("touchStart", 0.2), ("touchMove", 0.4), ("touchMove", 0.6)):
        x, y = sheets.point(0, share)
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    hand.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert sheets.colours(0.5, 0.7) == [[WHITE, RED], [WHITE, BLUE]]


def test_keys_move_it_and_the_notebook_does_not_take_them(sheets: Sheets) -> None:
    line = sheets.lines.first
    line.focus()
    sheets.page.keyboard.press("Home")
    assert sheets.colours(0.05, 0.95) == [[RED, RED], [BLUE, BLUE]]
    for key in ("End", "ArrowLeft", "ArrowDown"):
        sheets.page.keyboard.press(key)
    assert [float(each.input_value()) for each in sheets.lines.all()] == [99.0, 99.0]
    assert sheets.colours(0.05, 0.95) == [[WHITE, WHITE], [WHITE, WHITE]]
    assert line.evaluate("element => element === document.activeElement")


def test_both_pictures_and_the_line_are_said_in_words(sheets: Sheets) -> None:
    told = sheets.page.locator(f"{lab.PLAYER} >> img.widget-image").evaluate_all("all => all.map(one => one.alt)")
    assert [words.partition(";")[0] for words in told] == [
        "robust, left of the line: white",
        "robust, step 4",
        "standard, left of the line: white",
        "standard, step 4",
    ]
    assert [line.get_attribute("aria-label") for line in sheets.lines.all()] == [
        "line between the two pictures: robust",
        "line between the two pictures: standard",
    ]


def test_labels_and_pictures_follow_a_menu_and_the_line_stays_where_it_is(sheets: Sheets) -> None:
    sheets.page.mouse.click(*sheets.point(0, 0.4))
    sheets.page.get_by_label("left", exact=True).select_option("black")
    sheets.page.locator(f"{lab.PLAYER} >> .parts", has_text="black").first.wait_for()
    sheets.notebook.wait_for_status("Done")
    assert sheets.colours(0.3, 0.5) == [[BLACK, RED], [BLACK, BLUE]]
