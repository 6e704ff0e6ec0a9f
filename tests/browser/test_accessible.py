"""For everyone: contrast, text that is large enough, no motion where none is wanted, and what axe-core finds."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.conftest import ROOT, OpenNotebook
from tests.tools.lab import Notebook
from tests.tools.parts import written

pytestmark = pytest.mark.browser
WIDGETS = ROOT / "course_lib" / "widgets"
SHEETS = {name: (WIDGETS / f"{name}.css").read_text() for name in ("style", "canvas", "predict")}
THEMES = {"JupyterLab Dark": "#111111", "JupyterLab Light": "#ffffff"}  # the last one stays, for the tests that follow
FOUND = {"include": [[".course-player"], [".course-predict"], [".course-shelf"]]}
SMALLEST = """() => Math.min(...[...document.querySelectorAll(":is(.course-player, .course-predict, .course-shelf) *")]
    .filter(element => [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
    .filter(element => element.checkVisibility() && !element.closest(".unseen, style, option, i"))
    .map(element => parseFloat(getComputedStyle(element).fontSize) * (element.getScreenCTM?.().a ?? 1)))"""
MOVING = """() => [...document.querySelectorAll(":is(.course-player, .course-predict, .course-shelf) *")]
    .filter(element => parseFloat(getComputedStyle(element).transitionDuration) > 0)
    .map(element => element.className)"""
LINES = ("--course-0", "--course-1", "--course-2", "--course-3", "--accent", "--line")

DEMOS = """
import torch
from torch import nn
from course_lib.constraints import L2Ball
from course_lib.datasets.strokes import image_of
from course_lib.pgd import Problem
from course_lib.training.loop import Progress
from course_lib.widgets import LOSS, Canvas, Evolve, Measure, Player, Score, Watch, controls, predict

start = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))

def make(epsilon=2.0, kind="bright", drawing=None):
    begin = start if drawing is None else image_of(drawing, 64)
    goal = Problem(lambda x: (x - float(kind == "bright")).square().flatten(1).sum(1), begin, L2Ball(epsilon), steps=5)
    return {"robust": goal, "standard": goal}

def options():
    return {"epsilon": controls.epsilon(4.0), "kind": controls.menu("kind", ["bright", "dark"], "bright")}
"""
PLAYER = """
measures = [LOSS, Measure("judge", lambda moment: moment.frame.images.mean((1, 2, 3)))]
presets = {"weak": {"epsilon": 1.0}, "strong": {"epsilon": 9.0}}
Player(make, measures=measures, caption=lambda _: "A caption.", parts=["start"], presets=presets, **options())
"""
CANVAS = """
from IPython.display import display
from course_lib.datasets import sketches
from course_lib.widgets import shelf
canvas = Canvas(64)
display(shelf(canvas, sketches.load()[0]))
Player(make, drawing=canvas, **options())
"""
GRADIENTS = "from course_lib.widgets import Gradients\nGradients()"
MASK = "Evolve(make, drawing=Canvas(64, paints='mask', picture=start[0]), **options())"
WATCH = """
def train(steps):
    for step in range(1, steps + 1):
        for name in ("robust", "standard"):
            yield name, Progress(step, steps, 0.0, 0.0, 0.0, nn.Identity())

networks = {"robust": nn.Identity(), "standard": nn.Identity()}
scores = [Score("accuracy", lambda model: torch.ones(5))]
Watch(train, networks, view=lambda _: start, scores=scores, steps=controls.steps(5))
"""
PREDICT = """
prediction = predict("Will both draw a church?", ["both", "only the robust one"])
prediction
"""
SHOWN = {"player": PLAYER, "canvas": CANVAS, "mask": MASK, "watch": WATCH, "gradients": GRADIENTS, "predict": PREDICT}


def luminance(colour: str) -> float:
    """Of a colour #rrggbb or #rgb, as WCAG 2.2 defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def colours(sheet: str, theme: str) -> dict[str, str]:
    """The colours that a style sheet names, as they are in a theme: those for the dark one come in its own block."""
    named: dict[str, str] = {}
    for selector, block in re.findall(r"([^{}]+)\{([^{}]*)\}", sheet):
        if "theme-light" not in selector or "Dark" in theme:
            named |= re.findall(r"(--[\w-]+): (?:var\([^,]+, )?(#[0-9a-f]{3,6})\b", block)
    return {name: colour for name, colour in named.items() if name in LINES}


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", SHEETS)
def test_lines_and_accents_stand_out(name: str, theme: str) -> None:
    found = colours(SHEETS[name], theme)
    assert found, "the sheet names its colours"
    assert {n: round(contrast(c, THEMES[theme]), 2) for n, c in found.items() if contrast(c, THEMES[theme]) < 4.5} == {}


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == contrast("#fff", "#000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    dark = '.a { --accent: #0072b2; --ink: var(--x, #123); } [data-jp-theme-light="false"] .a { --accent: #56b4e9; }'
    assert [colours(dark, theme)["--accent"] for theme in THEMES] == ["#56b4e9", "#0072b2"]


def findings(notebook: Notebook, theme: str, label: str) -> Iterator[str]:
    notebook.page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: {theme!r}}})")
    notebook.page.wait_for_function(f"document.body.dataset.jpThemeName === {theme!r}")
    for violation in Axe().run(notebook.page, context=FOUND).response["violations"]:
        if violation["impact"] in ("serious", "critical"):
            for node in violation["nodes"]:
                yield f"{label}, {theme}: {violation['id']}: {node['html'][:160]}: {node['failureSummary'][:300]}"


@pytest.fixture(scope="module")
def notebook(open_notebook: OpenNotebook) -> Iterator[Notebook]:
    """Of one kernel for all demos: each in turn is what the second cell shows."""
    with open_notebook.again(written(open_notebook, "axe.ipynb", DEMOS, "")) as notebook:
        notebook.run_cell(0)
        yield notebook


@pytest.mark.parametrize("label", SHOWN)
def test_a_demo_is_for_everyone(notebook: Notebook, label: str) -> None:
    notebook.page.emulate_media(reduced_motion="no-preference")
    notebook.write(1, SHOWN[label])
    notebook.run_cell(1)
    assert notebook.complaints() == []
    notebook.show_cell(1)
    if label == "predict":
        notebook.page.get_by_role("button", name="Show of hands").click()
    else:
        notebook.wait_for_status("Ready")
        notebook.page.get_by_role("button", name="Run").first.click()
        notebook.wait_for_status("Done" if label != "mask" else "aused")
    assert [found for theme in THEMES for found in findings(notebook, theme, label)] == []
    assert notebook.page.evaluate(SMALLEST) >= 11.99, "pixels of the screen"
    notebook.page.emulate_media(reduced_motion="reduce")
    assert notebook.page.evaluate(MOVING) == [], "who wants less motion gets none"
