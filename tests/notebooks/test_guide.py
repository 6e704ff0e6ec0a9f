"""The guide for lecturers: its plan is the one that the key walks, and each of its presets is there."""

import ast
import re
from collections.abc import Iterator

import nbformat
import pytest

from course_lib.widgets.buttons import PLAN, Page
from course_lib.widgets.gradients import PRESETS
from tests.conftest import ROOT

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
