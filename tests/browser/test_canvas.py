"""The canvas as a person meets it: mouse, keys and touch in JupyterLab in Chromium, against what Python makes of it."""

from collections.abc import Iterator

import pytest
from nbformat.v4 import new_markdown_cell

from tests.conftest import OpenNotebook
from tests.tools import lab
from tests.tools.demos import until
from tests.tools.hand import Hand
from tests.tools.parts import written

pytestmark = pytest.mark.browser
COMPARE = """
import torch
from course_lib.datasets.strokes import *
from course_lib.widgets import Canvas, Player, controls

def compare(*shapes):
    mine, expected = (1 - image_of(value, 64) for value in (canvas.value, layer(shapes, 64)))
    overlap = torch.minimum(mine, expected).sum() / torch.maximum(mine, expected).sum()
    print(canvas.revision, expected.sum().item() > 100, overlap.item() > 0.95)
"""
MASK = f"""{COMPARE}
colours = torch.nn.functional.interpolate(torch.rand(1, 3, 4, 4), size=64, mode="bicubic").clamp(0, 1)
canvas = Canvas(64, paints="mask", picture=colours, label="what may change")
canvas
"""
PLAYER = f"""{COMPARE}
from course_lib.constraints import L2Ball
from course_lib.pgd import Problem

def make(drawing, epsilon):
    start = image_of(drawing, 64)
    loss = lambda weight: lambda images: weight * (images - 0.5).square().flatten(1).sum(1)
    return {{n: Problem(loss(w), start, L2Ball(epsilon), steps=5) for n, w in (("robust", 1), ("standard", 2))}}

canvas = Canvas(64)
player = Player(make, drawing=canvas, epsilon=controls.epsilon(3.0))
player
"""
EXACT = "print(torch.equal(mask_of(canvas.value, 64), mask_of(layer([Rectangle(10, 8, 30, 40)], 64), 64)))"
# Until the file is there Python cannot take a message, not even on another thread; nor send one: first it says "busy".
BUSY = """
import ctypes
print(end="", flush=True)
ctypes.PyDLL(None).system(b"timeout 120 sh -c 'until test -e free; do sleep 0.05; done'")
print('seen meanwhile:', canvas.revision)
"""
CHECKS = 6  # cells after a mask's
FAR = [new_markdown_cell("\n\n".join(["far away"] * 20)) for _ in range(20)]


@pytest.fixture(scope="module")
def masks(open_notebook: OpenNotebook) -> Iterator[lab.Notebook]:
    """Of one kernel for all masks: `painted` begins anew."""
    with open_notebook.again(written(open_notebook, "mask.ipynb", MASK, *[""] * CHECKS)) as notebook:
        yield notebook


def painted(notebook: lab.Notebook, *cells: str) -> Hand:
    """A hand on a new canvas for a mask, with cells that come after it."""
    for index, source in enumerate(cells, start=1):
        notebook.write(index, source)
    notebook.run_cell(0)
    return Hand(notebook, "what may change")


def printed(notebook: lab.Notebook, index: int) -> str:
    """Run a cell and give what it prints."""
    notebook.run_cell(index)
    return notebook.text_of(index).strip()


SCROLL = "place => { const outer = document.querySelector('.jp-WindowedPanel-outer'); outer.scrollTop = outer[place]; }"
SEEN = """face => new Promise(resolve =>
    new IntersectionObserver(entries => resolve(entries[0].isIntersecting)).observe(face))"""


def scroll_away_and_back(notebook: lab.Notebook, hand: Hand) -> None:
    """Until the canvas is out of sight, then until it is in sight: JupyterLab may still be moving cells about."""

    def scrolled(place: str, inside: bool) -> bool:
        notebook.page.evaluate(SCROLL, place)
        return hand.face.evaluate(SEEN) is inside

    until(lambda: scrolled("scrollHeight", False))
    until(lambda: scrolled("clientTop", True))


def reload(notebook: lab.Notebook) -> None:
    """Save, and open the page again: the kernel is still there, the browser has forgotten everything."""
    notebook.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    notebook.page.reload()
    notebook.page.locator(lab.PLAYER).wait_for()


def test_a_mask_painted_by_hand_is_the_mask_that_python_makes(masks: lab.Notebook) -> None:
    steps = ["Rectangle(10, 8, 30, 40)", "Ellipse(28, 20, 60, 44)", "Stroke([(5, 50), (40, 58), (60, 10)], 8)"]
    steps.append("Stroke([(20, 20), (24, 30)], 8, ERASER)")
    drags = [
        ("Rectangle", (10, 8), (30, 40)),
        ("Ellipse", (60, 44), (28, 20)),
        ("Brush", (5, 50), (40, 58), (60, 10)),
        ("Eraser", (20, 20), (24, 30)),
    ]
    cells = [f"compare({', '.join(steps[:count])})" for count in (1, 2, 3, 4, 3)]
    hand = painted(masks, *cells, EXACT)
    for step, (tool, *points) in enumerate(drags, start=1):
        hand.choose(tool)
        hand.drag(*points)
        hand.wait_for_revision(step)
        assert printed(masks, step) == f"{step} True True"
        assert step > 1 or printed(masks, 6) == "True"
    masks.screenshot()
    hand.choose("Undo")
    hand.wait_for_revision(5)
    assert printed(masks, 5) == "5 True True"
    hand.choose("Clear")
    hand.wait_for_revision(6)
    hand.choose("Rectangle")
    hand.drag((20, 20))  # a rectangle of no size is no step
    assert hand.button("Clear").is_disabled()
    assert masks.complaints() == []


def test_the_keys_do_all_that_the_mouse_does(masks: lab.Notebook) -> None:
    checks = [
        "compare(Stroke([(32.5, 32.5), (42.5, 32.5), (42.5, 34.5)], 8))",
        "compare(Rectangle(42, 34, 53, 45))",
    ]
    hand, keyboard = painted(masks, *checks), masks.page.keyboard
    hand.button("Brush").focus()
    for name in ("Eraser", "Rectangle", "Ellipse"):
        keyboard.press("Tab")
        assert hand.button(name).evaluate("button => button === document.activeElement")
    hand.face.focus()
    keyboard.down(" ")
    hand.press("Shift+ArrowRight", "Shift+ArrowRight", "ArrowDown", "ArrowDown")
    keyboard.up(" ")
    hand.wait_for_revision(1)
    assert printed(masks, 1) == "1 True True"
    hand.press("Control+z")
    hand.wait_for_revision(2)
    hand.button("Rectangle").focus()
    keyboard.press("Enter")
    assert hand.button("Rectangle").get_attribute("aria-pressed") == "true"
    hand.press("Enter", *["Shift+ArrowRight", "Shift+ArrowDown"] * 2)
    masks.screenshot("_keys")
    hand.press("Enter")
    hand.wait_for_revision(3)
    assert printed(masks, 2) == "3 True True"
    hand.press("Enter", "ArrowLeft", "Escape")
    assert hand.revision == 3
    assert hand.face.get_attribute("aria-describedby")
    cells = masks.page.evaluate(f"{lab.NOTEBOOK}.content.model.toJSON().cells")
    assert len(cells) == 1 + CHECKS, "keys stay here"
    assert masks.complaints() == []


def test_a_drawing_drives_a_player_and_survives_being_scrolled_away(open_notebook: OpenNotebook) -> None:
    shapes = "Rectangle(6, 6, 40, 30, '#2ca02c'), Stroke([(8, 50), (50, 40)], 10, '#1f5fb4')"
    cells = [PLAYER, f"compare({shapes})", "canvas.draw(Ellipse(20, 20, 50, 50, '#ffdd33'))", "canvas", *FAR]
    with open_notebook(written(open_notebook, "draw.ipynb", *cells)) as notebook:
        notebook.run_cell(0)
        notebook.wait_for_status("Ready")
        before = notebook.pictures()
        hand = Hand(notebook, "drawing")
        hand.choose("green", "Rectangle")
        hand.drag((6, 6), (40, 30))
        notebook.wait_for_status("Done")
        before = notebook.wait_for_change(before)
        assert hand.colour((20, 20)) == [0x2C, 0xA0, 0x2C]
        hand.choose("blue", "Brush")
        hand.root.locator("input[type=number]").fill("10")
        hand.drag((8, 50), (50, 40))
        before = notebook.wait_for_change(before)
        notebook.wait_for_status("Done")
        notebook.show(lab.PLAYER)
        hand.button("Brush").hover()
        notebook.screenshot()
        assert printed(notebook, 1) == "2 True True"

        printed(notebook, 3)  # a second view
        other = Hand(notebook, "drawing", view=1)
        assert other.colour((20, 20)) == [0x2C, 0xA0, 0x2C]
        other.choose("Ellipse")
        other.drag((20, 20), (50, 50))
        other.wait_for_revision(3)
        scroll_away_and_back(notebook, hand)
        hand.choose("Undo", "Undo")
        hand.wait_for_revision(5)
        assert hand.seen([".paper"]) == other.seen([".paper"])
        assert hand.colour((20, 20)) == [0x2C, 0xA0, 0x2C]
        assert hand.colour((30, 45)) == [255, 255, 255]
        assert hand.button("Ellipse").get_attribute("aria-pressed") == "true"
        before = notebook.pictures()
        printed(notebook, 2)  # Python draws
        notebook.wait_for_change(before)
        assert hand.colour((35, 40)) == [0xFF, 0xDD, 0x33]
        notebook.page.get_by_role("button", name="Reset").click()
        notebook.wait_for_status("Ready")
        hand.wait_for_revision(7)
        assert hand.colour((35, 40)) == [255, 255, 255]
        reload(notebook)
        hand.choose("Undo")  # of what was drawn before the page was opened
        hand.wait_for_revision(8)
        assert hand.colour((35, 40)) == [0xFF, 0xDD, 0x33]
        assert notebook.complaints() == []


def test_strokes_appear_while_the_kernel_is_busy_and_none_is_lost(
    masks: lab.Notebook, open_notebook: OpenNotebook
) -> None:
    boxes = [(4, 4, 20, 20), (30, 8, 60, 20), (10, 40, 50, 60)]
    shapes = ", ".join(f"Rectangle{box}" for box in boxes)
    hand, page = painted(masks, BUSY, f"compare({shapes})"), masks.page
    hand.choose("Rectangle")
    printed(masks, 2)  # Python has taken this choice, so that only the next cell makes it busy
    masks.start("run-cell", 1)
    page.wait_for_function(f"() => !({lab.IDLE})")
    looks = [hand.seen()]
    for left, top, right, bottom in boxes:
        hand.drag((left, top), (right, bottom), steps=2)
        looks.append(hand.seen())
    hand.choose("Undo")
    hand.drag((10, 40), (50, 60), steps=2)
    assert hand.revision == 0
    (open_notebook.root / "free").touch()
    assert len(set(looks)) == 4
    page.wait_for_function("window.ran === 1")
    assert masks.text_of(1).strip() == "seen meanwhile: 0"
    until(lambda: printed(masks, 2).endswith("True True"))  # they come now, on a thread of their own
    hand.choose("Undo", "Undo", "Undo")
    hand.button("Undo").and_(page.locator(":disabled")).wait_for()
    assert masks.complaints() == []


def test_touch_draws_and_a_stroke_that_leaves_the_canvas_ends(masks: lab.Notebook) -> None:
    checks = ["compare(Stroke([(10, 10), (10, 40)], 8))", "compare(Rectangle(40, 20, 64, 50))"]
    hand = painted(masks, *checks)
    hand.onto((0, 0))
    touch = masks.page.context.new_cdp_session(masks.page)
    for kind, point in (("touchStart", (10, 10)), ("touchMove", (10, 25)), ("touchMove", (10, 40))):
        x, y = hand.onto(point)
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    hand.wait_for_revision(1)
    assert printed(masks, 1) == "1 True True"
    hand.choose("Clear", "Rectangle")
    hand.wait_for_revision(2)
    hand.drag((40, 20), (90, 50))
    hand.wait_for_revision(3)
    assert printed(masks, 2) == "3 True True"
    assert masks.complaints() == []
