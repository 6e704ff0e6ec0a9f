"""The guide for lecturers: its plan is the one that the key walks, and each of its presets is there, with a picture."""

import ast
import re
from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import ViewportSize

from course_lib.widgets.buttons import PLAN, Page
from course_lib.widgets.gradients import PRESETS
from tests.conftest import ROOT, OpenNotebook
from tests.tools.lab import SCREENSHOTS

LECTURES = ROOT / "notebooks"
GUIDE = (LECTURES / "GUIDE.md").read_text()
ROW = re.compile(r"^\| (\d+) \| \[\d+\]\((\w+\.ipynb)\) \|(.*?)\|", re.MULTILINE)
ROWS = [(int(minutes), notebook, presets.strip()) for minutes, notebook, presets in ROW.findall(GUIDE)]


def test_the_table_is_the_plan_that_the_key_walks_and_takes_90_minutes() -> None:
    *parts, (_, _, closing) = ROWS
    assert not closing
    assert parts == [(part["minutes"], part["notebook"], ", ".join(part["presets"])) for part in PLAN]
    assert sum(minutes for minutes, _, _ in ROWS) == 90
    assert Page().plan == [{"notebook": part["notebook"], "preset": name} for part in PLAN for name in part["presets"]]


def presets_of(notebook: str) -> Iterator[str]:
    """The names of presets that a notebook's code writes out, and those of its `Gradients`."""
    for cell in nbformat.read(LECTURES / notebook, as_version=4).cells:
        for node in ast.walk(ast.parse(cell.source if cell.cell_type == "code" else "")):
            if isinstance(node, ast.keyword) and node.arg == "presets":
                keys = [key for each in ast.walk(node) if isinstance(each, ast.Dict) for key in each.keys]
                yield from (key.value for key in keys if isinstance(key, ast.Constant))
            elif isinstance(node, ast.Name) and node.id == "Gradients":
                yield from PRESETS


@pytest.mark.parametrize("part", PLAN, ids=lambda part: part["notebook"])
def test_every_preset_of_the_plan_is_in_its_notebook(part: dict[str, str]) -> None:
    assert [name for name in part["presets"] if name not in presets_of(part["notebook"])] == []


def test_the_questions_that_students_ask_have_an_answer() -> None:
    asked = GUIDE.partition("## What students ask")[2].partition("\n## ")[0]
    found = re.findall(r"^\*\*(.*\?)\*\* \w", asked, re.MULTILINE)
    assert len(found) >= 8
    for words in ("orange blue", "judge rigged", "diffusion", "robust accuracy enough"):
        assert any(words in question for question in found), words


@pytest.mark.full
@pytest.mark.browser
def test_a_lecture_follows_the_plan_from_preset_to_preset(open_notebook: OpenNotebook) -> None:
    """By one key, from the first demo on; each demo meets the lecturer with a picture that is not blank."""
    first = PLAN[0]["notebook"]
    with open_notebook(f"notebooks/{first}") as notebook:
        page = notebook.page
        page.set_viewport_size(ViewportSize(width=1280, height=720))
        notebook.run_all()
        notebook.show(".course-player")
        page.get_by_role("button", name="Large").first.click()
        shown = page.locator(".course-player:popover-open")
        for place, step in enumerate(Page().plan):
            page.keyboard.press("PageDown")
            shown.locator(".preset.mod-info", has_text=step["preset"]).wait_for(timeout=600_000)
            shown.locator(".status", has_text="Done").wait_for(timeout=300_000)
            spreads = shown.locator(".sheet img.widget-image").evaluate_all(SPREADS)
            assert min(spreads) > 5, (step, spreads)
            page.screenshot(path=SCREENSHOTS / f"plan-{place:02d}.png")


SPREADS = """images => images.map(image => {
    const context = new OffscreenCanvas(image.naturalWidth, image.naturalHeight).getContext('2d');
    context.drawImage(image, 0, 0);
    const values = context.getImageData(0, 0, image.naturalWidth, image.naturalHeight).data;
    const mean = values.reduce((sum, value) => sum + value) / values.length;
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) })"""
