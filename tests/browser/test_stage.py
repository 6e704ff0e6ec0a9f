"""The stage: controls and all pictures on one screen, nothing that moves, presets by one key, reactions at once."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import ViewportSize

from tests.browser.test_canvas import PLAYER as CANVAS
from tests.browser.test_player import PLAYER
from tests.conftest import OpenNotebook
from tests.tools import lab
from tests.tools.hand import Hand
from tests.tools.lab import Notebook
from tests.tools.parts import written

pytestmark = pytest.mark.browser
SIZES = [(1280, 720), (1366, 768), (1920, 1080)]
PRESETS = PLAYER.replace(
    "player = Player(\n    make,",
    'player = Player(\n    make, parts=["first"],'
    ' presets={"weak": {"epsilon": 1.0}, "strong": {"epsilon": 8.0}, "slow": {"pause": 0.05, "steps": 30}},',
)
TOGGLE = """async open => { const { shell, commands } = window.jupyterapp;
    if (shell.leftCollapsed === open) await commands.execute('application:toggle-left-area') }"""
PLACES = """() => [...document.querySelectorAll('.course-player')].at(0).querySelectorAll(
    '.sheet img, .controls > *, .drawing .board, .stage > .widget-slider')"""
BOXES = f"""() => [...({PLACES})()].map(part => {{ const box = part.getBoundingClientRect();
    return [part.tagName === 'IMG' ? 'picture' : part.className, box.left, box.top, box.right, box.bottom] }})"""
Box = tuple[str, float, float, float, float]


@pytest.fixture(scope="module", params=["player", "canvas"])
def stage(request: pytest.FixtureRequest, open_notebook: OpenNotebook) -> Iterator[Notebook]:
    """A demo that has run, with a canvas and without one."""
    sources = {"player": [PRESETS], "canvas": [CANVAS, "compare()"]}[request.param]
    with open_notebook(written(open_notebook, f"stage-{request.param}.ipynb", *sources)) as notebook:
        notebook.run_all()
        notebook.show_cell(len(sources) - 1)
        notebook.wait_for_status("Ready")
        notebook.page.locator(f"{lab.PLAYER} >> button", has_text="Run").click()
        notebook.wait_for_status("Done")
        yield notebook
        assert notebook.complaints() == []


def boxes(notebook: Notebook) -> list[Box]:
    """The places of pictures, controls, board and step slider on the screen, once they rest."""
    before: list[Box] = []
    while (now := [tuple(box) for box in notebook.page.evaluate(BOXES)]) != before:
        before = now
        notebook.page.wait_for_timeout(150)
    return now


def pictures(notebook: Notebook) -> list[Box]:
    return [box for box in boxes(notebook) if box[0] == "picture"]


@pytest.mark.parametrize("files", [True, False], ids=["files", "alone"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_controls_and_both_pictures_are_on_one_screen(stage: Notebook, width: int, height: int, files: bool) -> None:
    stage.page.set_viewport_size(ViewportSize(width=width, height=height))
    stage.page.evaluate(TOGGLE, files)
    stage.show(lab.PLAYER)
    frame = stage.page.locator(".jp-WindowedPanel-outer").bounding_box()
    assert frame is not None
    robust, standard = pictures(stage)
    assert robust[2] == pytest.approx(standard[2], abs=1), "side by side"
    assert robust[3] < standard[1]
    assert robust[3] - robust[1] >= 0.36 * (height - 100), "large"
    for name, left, top, right, bottom in boxes(stage):
        assert left >= frame["x"] - 1, name
        assert top >= frame["y"] - 3, name
        assert right <= frame["x"] + frame["width"], name
        assert bottom <= frame["y"] + frame["height"], name
    stage.screenshot(f"-{width}x{height}{'-files' * files}")


def test_on_a_phone_the_pictures_stand_below_each_other(stage: Notebook) -> None:
    stage.page.set_viewport_size(ViewportSize(width=390, height=844))
    stage.page.evaluate(TOGGLE, False)
    robust, standard = pictures(stage)
    room = stage.page.locator(".course-player .stage").first.bounding_box()
    assert room is not None
    assert robust[1] == pytest.approx(standard[1], abs=1)
    assert robust[4] < standard[2]
    assert robust[3] - robust[1] == pytest.approx(room["width"], abs=2), "the full width"
    stage.page.set_viewport_size(lab.SCREEN)


def test_nothing_moves_while_a_demo_runs(stage: Notebook) -> None:
    before = boxes(stage)
    stage.page.locator(f"{lab.PLAYER} >> button", has_text="Run").click()
    seen = [[tuple(box) for box in stage.page.evaluate(BOXES)] for _ in range(20)]
    stage.wait_for_status("Done")
    assert [*seen, boxes(stage)] == [before] * 21


def test_a_picture_is_said_in_words(stage: Notebook) -> None:
    texts = stage.page.locator(".course-player .sheet img").evaluate_all("images => images.map(image => image.alt)")
    assert [text.partition(",")[0] for text in texts] == ["robust", "standard"]
    assert all("step" in text and "loss" in text for text in texts)


def test_a_lecture_shows_the_demo_alone_and_one_key_plays_the_next_preset(open_notebook: OpenNotebook) -> None:
    with open_notebook(written(open_notebook, "lecture.ipynb", PRESETS)) as notebook:
        page = notebook.page
        page.set_viewport_size(ViewportSize(width=1280, height=720))
        notebook.run_all()
        notebook.wait_for_status("Ready")
        page.locator(".parts", has_text="first").first.wait_for()
        page.get_by_role("button", name="Large").click()
        page.wait_for_function("document.fullscreenElement && document.querySelector('.course-player:popover-open')")
        notebook.press("steps", "Home")  # a slider has keys of its own
        notebook.wait_for_status("Done: 1 steps")
        for key, name, radius in (("PageDown", "weak", 1.0), ("PageDown", "strong", 8.0), ("PageUp", "weak", 1.0)):
            page.keyboard.press(key)
            page.locator(".preset.mod-info", has_text=name).wait_for()
            notebook.wait_for_status("Done: 20 steps")
            assert notebook.slider("ε (radius)").get_attribute("aria-valuenow") == str(radius)
        robust, standard = pictures(notebook)
        assert robust[3] < standard[1]
        assert all(right <= 1280 and bottom <= 720 for _, _, _, right, bottom in boxes(notebook))
        notebook.screenshot()
        page.get_by_role("button", name="Small").click()
        page.wait_for_function("!document.fullscreenElement")
        page.keyboard.press("PageDown")
        page.wait_for_timeout(300)
        assert page.locator(".preset.mod-info").inner_text().strip() == "weak", "the key is a lecture's"


PLANNED = """
from course_lib.widgets import buttons
buttons.PLAN[:] = [{"notebook": "plan-0.ipynb", "presets": ["weak"]}, {"notebook": "plan-1.ipynb", "presets": ["loud"]},
                   {"notebook": "plan-0.ipynb", "presets": ["strong", "last"]}]
"""
FAR = "\n".join(["print(1)"] * 80)  # so that the second demo is not drawn at first


def test_one_key_walks_the_plan_through_demos_and_notebooks(open_notebook: OpenNotebook) -> None:
    other = PRESETS.replace('"weak"', '"loud"').replace('"strong"', '"soft"')
    written(open_notebook, "plan-1.ipynb", PLANNED + other)
    last = PRESETS.replace('"weak"', '"last"').replace('"strong"', '"unplanned"')
    weak_first = PRESETS.replace('"weak": {"epsilon": 1.0}', '"weak": {}')  # marked, but not yet played
    name = written(open_notebook, "plan-0.ipynb", PLANNED + weak_first, FAR, last)
    with open_notebook(name) as notebook:
        page = notebook.page
        notebook.run_all()
        notebook.show_cell(0)
        notebook.wait_for_status("Ready")
        page.get_by_role("button", name="Large").first.click()
        shown = page.locator(".course-player:popover-open")
        for key, preset in (
            ("PageDown", "weak"),
            ("n", "loud"),
            ("PageDown", "strong"),
            ("n", "last"),
            ("p", "strong"),
        ):
            page.keyboard.press(key)
            shown.locator(".preset.mod-info", has_text=preset).wait_for()
            shown.locator(".status", has_text="Done").wait_for()
            assert shown.count() == 1
            assert page.evaluate("document.fullscreenElement !== null")
        page.keyboard.press("Escape")
        shown.wait_for(state="hidden")
        page.wait_for_function("!document.fullscreenElement")


def test_a_step_of_the_plan_waits_for_the_cells_that_still_run(open_notebook: OpenNotebook) -> None:
    plan = PLANNED.replace("plan-0", "wait").replace("plan-1", "nowhere").replace('"loud"', "")
    last = PRESETS.replace('"weak"', '"last"').replace('"strong"', '"unplanned"')
    name = written(open_notebook, "wait.ipynb", plan + PRESETS, "import time; time.sleep(12)", last)
    with open_notebook(name) as notebook:
        page = notebook.page
        notebook.start("run-all-cells")
        notebook.wait_for_status("Ready")
        page.get_by_role("button", name="Large").first.click()
        shown = page.locator(".course-player:popover-open")
        for preset in ("weak", "strong", "last"):  # the cell of the last one waits for the sleeping one
            page.keyboard.press("PageDown")
            shown.locator(".preset.mod-info", has_text=preset).wait_for()
            shown.locator(".status", has_text="Done").wait_for()
        page.keyboard.press("Escape")
        shown.wait_for(state="hidden")


BUSY = "import time, pathlib\nwhile not pathlib.Path('go').exists(): time.sleep(0.05)\nprint('over')"
AT_ONCE = pytest.mark.parametrize("median", [10_000, pytest.param(300, marks=pytest.mark.full)])
"""Milliseconds: on an idle machine what a person notices; on any, less than where a control waits for a cell."""
LISTEN = """() => {
    window.answered = 0;
    let acted = 0;
    for (const name of ['keydown', 'click', 'change'])
        document.addEventListener(name, () => { acted ||= performance.now() }, {capture: true, once: true});
    window.listener?.disconnect();
    window.listener = new MutationObserver(() => { if (acted) window.answered ||= performance.now() - acted });
    const status = document.querySelector('.course-player .status').closest('.widget-html');
    window.listener.observe(status, {childList: true, characterData: true, subtree: true}) }"""


@AT_ONCE
def test_every_control_reacts_while_a_cell_runs_used_before_or_not(open_notebook: OpenNotebook, median: int) -> None:
    go = open_notebook.root / "go"
    go.unlink(missing_ok=True)
    with open_notebook(written(open_notebook, "busy.ipynb", PRESETS, BUSY)) as notebook:
        page, player = notebook.page, notebook.page.locator(lab.PLAYER)
        notebook.run_cell(0)
        notebook.wait_for_status("Ready")
        notebook.show(lab.PLAYER)
        notebook.start("run-cell", 1)
        page.wait_for_function(lab.IDLE.replace("idle", "busy"))
        uses = {
            "ε (radius)": lambda: notebook.press("ε (radius)", "ArrowRight"),
            "Reset": player.get_by_role("button", name="Reset").click,
            "target class": lambda: player.locator("select").select_option("orange"),
            "preset": player.get_by_role("button", name="strong").click,
            "steps": lambda: notebook.press("steps", "ArrowLeft"),
            "Run": player.get_by_role("button", name="Run").click,
            "ε (radius), again": lambda: notebook.press("ε (radius)", "ArrowLeft"),
        }
        waits = {}
        for name, use in uses.items():
            page.evaluate(LISTEN)
            use()
            page.wait_for_function("window.answered > 0")
            waits[name] = page.evaluate("window.answered")
        assert notebook.text_of(1) == "", "the cell runs until `go` is there"
        assert sorted(waits.values())[len(waits) // 2] < median, waits
        go.touch()
        notebook.wait_for_end()
        assert notebook.text_of(1) == "over\n"


@AT_ONCE
def test_a_stroke_is_answered_at_its_end(open_notebook: OpenNotebook, median: int) -> None:
    with open_notebook(written(open_notebook, "stroke.ipynb", CANVAS)) as notebook:
        notebook.run_all()
        notebook.wait_for_status("Ready")
        hand, waits = Hand(notebook, "drawing"), []
        for column in (10, 25, 40, 55):
            notebook.page.evaluate(ANSWER)
            hand.drag((column, 10), (column, 50))
            notebook.page.wait_for_function("window.answered > 0")
            waits.append(notebook.page.evaluate("window.answered"))
            notebook.wait_for_status("Done")
        assert sorted(waits)[len(waits) // 2] < median, waits
        assert notebook.complaints() == []


ANSWER = """() => {
    window.answered = 0;
    let ended = 0;
    document.addEventListener('pointerup', () => { ended = performance.now() }, {capture: true, once: true});
    const picture = document.querySelector('.course-player .sheet img');
    new MutationObserver((_, self) => { if (ended) { window.answered = performance.now() - ended; self.disconnect() } })
        .observe(picture, {attributes: true, attributeFilter: ['src']}) }"""


LATE = """() => { const { timeout } = AbortSignal, over = { addEventListener: (name, abort) => abort() };
    AbortSignal.timeout = wait => wait === 2000 ? over : timeout.call(AbortSignal, wait) }"""


def test_a_demo_hears_from_python_where_the_page_was_slow_to_begin(open_notebook: OpenNotebook) -> None:
    with open_notebook(written(open_notebook, "late.ipynb", PRESETS)) as notebook:
        notebook.page.evaluate(LATE)  # as where the browser was busy for two seconds
        with notebook.page.expect_event("pageerror", lambda error: lab.SLOW in str(error)):
            notebook.run_cell(0)
        notebook.wait_for_status("Ready")
        notebook.show(lab.PLAYER)
        before = notebook.page.locator(lab.PLAYED).first.get_attribute("alt")
        notebook.page.locator(f"{lab.PLAYER} >> button", has_text="strong").click()
        notebook.wait_for_status("Done")
        assert notebook.page.locator(lab.PLAYED).first.get_attribute("alt") != before
