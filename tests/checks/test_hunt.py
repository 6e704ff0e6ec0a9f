"""The bug hunt is one: programs run, nothing before the second hint names a defect, and some programs have none.

And what the sets say in numbers is so.
"""

import ast
import re
from collections.abc import Callable
from typing import Any

import nbformat
import pytest
import torch
import torch.nn.functional as F

from course_lib.checks import ps6
from course_lib.checks.report import SETS, exercises, reported
from course_lib.datasets.shipped import SUGGESTED
from course_lib.testbeds import load
from tests.tools.classroom import COURSE, cells, notebook

RIGHT = ("directions", "starts")
PROGRAMS = [one.name.partition(".")[2] for one in ps6.EXERCISES]
CELLS = {cell.id: cell.source for cell in notebook("ps6").cells}
EVERYDAY = {
    "defect", "the", "and", "so", "is", "a", "an", "of", "in", "into", "by", "its", "own", "be", "one", "only", "keep",
    "what", "has", "both", "two", "would", "too", "much", "may", "nothing", "last", "here", "every", "them", "no",
    "picture", "pictures", "start", "part", "true", "take", "mean", "common", "either", "enough", "equal", "step", "as",
}  # fmt: skip


def published(name: str) -> Callable[..., Any]:
    """The program as it stands in the set."""
    space: dict[str, Any] = {"torch": torch, "F": F}
    (source,) = [
        ast.unparse(node)
        for node in ast.parse(CELLS[f"{name}-published"]).body
        if isinstance(node, ast.FunctionDef) and node.name == f"published_{name}"
    ]
    exec(source, space)
    return space[f"published_{name}"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_runs_and_is_right_where_it_should_be(name: str) -> None:
    one = exercises()[f"ps6.{name}"]
    report = reported(one, published(name))
    assert not report.error
    assert report.passed == (name in RIGHT)
    if name not in RIGHT:
        assert report.hint == next(iter(one.wrong))  # the first mistake is to leave the defect in


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def hints(name: str) -> list[str]:
    return re.findall(r"</summary>\n\n(.*?)\n\n</details>", CELLS[f"{name}-hints"], re.DOTALL)


def naming(name: str) -> set[str]:
    """The words that name a defect: those of the second hint, of the check's message, and of the code that mends it."""
    one = exercises()[f"ps6.{name}"]
    told = words(hints(name)[1]) | (words(next(iter(one.wrong))) if name not in RIGHT else set())
    known = words(CELLS[f"{name}-published"])
    return (told - known - EVERYDAY) | (
        words(cells("ps6")[name].partition("BEGIN SOLUTION")[2]) - known - EVERYDAY - {"end"}
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_before_the_second_hint_names_the_defect(name: str) -> None:
    goal, (first, second) = CELLS[f"{name}-goal"], hints(name)
    assert second.startswith("**No defect.**" if name in RIGHT else "**Defect.**")
    assert words(goal) & naming(name) == set()
    assert "defect" not in words(goal) | words(first)


def test_a_statement_that_names_the_defect_is_caught() -> None:
    told = "The statistics contain hidden pixels, and the truth leaks. The projection comes after the step."
    assert {"hidden", "leaks"} <= words(told) & naming("fill")
    assert "projection" in naming("walk")


# --- numbers ----------------------------------------------------------------------------------------------------------

UNIT = re.compile(r"\d[\d.,]*(?:\s?%|\s(?:of \d+|percent|dB|million|pictures|starts|photographs)\b)")
book = load("picturebook")
CLAIMS: dict[str, bool] = {  # what a set says in numbers, and whether it is so
    "about 9 of 255 grey levels": round(255 * book.radius / (3 * book.resolution**2) ** 0.5) == 9,
    "a 95% interval": "1.959964" in cells("ps5")["difference"],
    "the same 30 pictures": "range(30)" in str([cell.source for cell in notebook("ps2").cells if cell.id == "premise"]),
    "about 20 starts": "arange(20)" in str([cell.source for cell in notebook("ps3").cells if cell.id == "premise"]),
    "56 x 56 pictures and enlarge them to 224": 4 * 56 == 224,
    "Eight photographs ship": len(SUGGESTED) == 8,
    "its 95% interval": True,  # of a project: what is asked for
}


@pytest.mark.parametrize("name", SETS)
def test_a_number_with_a_unit_is_one_that_is_compared(name: str) -> None:
    texts = [cell.source for cell in notebook(name, "release").cells if cell.cell_type == "markdown"]
    for text in (re.sub(r"`[^`]*`|\$[^$]*\$|\]\([^)]*\)", "", text) for text in texts):
        for found in UNIT.finditer(text):
            around = text[max(0, found.start() - 40) : found.end() + 40]
            assert any(claim in around and so for claim, so in CLAIMS.items()), around


def test_what_is_quoted_from_the_paper_stands_in_the_lecture() -> None:
    lecture = nbformat.read(COURSE.parent / "10_measuring_quality.ipynb", as_version=4)
    told = " ".join(cell.source for cell in lecture.cells)
    asked = next(cell.source for cell in notebook("ps5").cells if cell.id == "reflection-question")
    for number in ("259", "233", "36.0", "7.4"):
        assert re.search(rf"\b{re.escape(number)}", asked)
        assert re.search(rf"\b{re.escape(number)}", told)
