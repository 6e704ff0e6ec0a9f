"""Reflections are read and given points in one page: by keyboard, kept at each pause, and nothing in them can run."""

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from course_lib.checks.report import SETS
from course_lib.grading.hand import ITEMS, rows_of
from course_lib.grading.marks import Mark, Marked
from course_lib.grading.reflections import master, questions
from course_lib.grading.reports import write_reports
from course_lib.grading.submissions import submissions
from tests.tools import lab
from tests.tools.classroom import notebook

ATTACK = "window.owned = 1"
HOSTILE = {
    "ada": f"</script><script>{ATTACK}</script>",
    "bob": f"<img src=x onerror='{ATTACK}'><svg onload='{ATTACK}'></svg>",
    "</script><b onclick=1>": f"<!--<script>{ATTACK}//-->\u2028`${{{ATTACK}}}`",
    "=x": f"javascript:{ATTACK} \ud800 '\"; {ATTACK}",
}


def reflection(text: str, name: str = "ps1", *more: str) -> str:
    """A student's notebook: what was released, with a text, and cells added after it."""
    released = notebook(name, "release")
    place = next(place for place, cell in enumerate(released.cells) if cell.id == "reflection")
    released.cells[place].source = text
    extra = [{"cell_type": "markdown", "source": one, "metadata": {}} for one in more]
    cells = [dict(cell) for cell in released.cells]
    return json.dumps({"cells": cells[: place + 1] + extra + cells[place + 1 :]})


def hand_in(folder: Path, given: dict[str, str], name: str = "ps1") -> None:
    for number, (student, text) in enumerate(given.items()):
        place = folder / (student if "/" not in student else f"slash{number}")
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.ipynb").write_text(reflection(text, name))


def texts(folder: Path) -> dict[tuple[str, str], str]:
    return {(one.student, item): text for one in submissions(folder) for item, text in one.texts.items()}


def graded(out: Path, given: dict[tuple[str, str], str], *students: str) -> str:
    marked = [Marked(name, "a" * 64, "d", (), (Mark("ps1.project_box", "ok", 6.0),)) for name in students]
    write_reports(marked, out, texts=given)
    return (out / "reflections.html").as_uri()


def until(page: Page, expression: str) -> None:
    """Wait for it by evaluating it: the page's policy forbids what `wait_for_function` does."""
    while not page.evaluate(expression):
        page.wait_for_timeout(50)


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with lab.chromium(chromium_path) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 720}, accept_downloads=True)
    yield context.new_page()
    context.close()


def test_a_text_is_found_in_its_cell_and_in_those_that_were_added_after_it(tmp_path: Path) -> None:
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "final (2).ipynb").write_text(reflection("First part.", "ps1", "Second part.", "Third."))
    hand_in(tmp_path, {"bob": "*Your answer.*", "eve": "Of set 2."}, "ps2")
    (tmp_path / "eve" / "torn.ipynb").write_text("{")
    assert texts(tmp_path) == {
        ("ada", "ps1.reflection"): "First part.\n\nSecond part.\n\nThird.",
        ("eve", "ps2.reflection"): "Of set 2.",
    }


def test_the_newest_notebook_that_has_more_than_the_template_counts(tmp_path: Path) -> None:
    (tmp_path / "ada").mkdir()
    for when, name, text in ((1, "a", "old"), (2, "c", "new"), (3, "b", "*Your answer.*")):
        path = tmp_path / "ada" / f"{name}.ipynb"
        path.write_text(reflection(text))
        os.utime(path, (when, when))
    assert texts(tmp_path) == {("ada", "ps1.reflection"): "new"}


def test_every_item_has_a_question_and_a_rubric_for_the_assistant_alone() -> None:
    asked = {item: one for name in SETS for item, one in questions(name).items()}
    assert asked.keys() == ITEMS.keys()
    for item, one in asked.items():
        assert one["rubric"].startswith("Grading:")
        assert len(one["question"]) > 100
        released = [cell.source for cell in notebook(item[:3], "release").cells]
        assert one["question"] in [source.strip() for source in released]
        assert one["rubric"] not in released
    assert list(master("ps99")) == []


def test_what_students_write_is_shown_and_never_runs(page: Page, tmp_path: Path) -> None:
    given = {(student, "ps1.reflection"): text.replace("\ud800", "?") for student, text in HOSTILE.items()}
    (tmp_path / "hand.csv").write_text(f"student,item,points,comment\nada,ps1.reflection,,</script><script>{ATTACK}\n")
    problems = lab.shown(page, graded(tmp_path, given, *HOSTILE), allowed="file:")
    page.locator("#anonymous").uncheck()
    seen = {}
    for _ in HOSTILE:
        seen[page.locator("#who").inner_text().removeprefix("ps1.reflection: ")] = page.locator("#text").text_content()
        page.keyboard.press("PageDown")
    assert seen == {student: text for (student, _), text in given.items()}
    assert page.evaluate("window.owned") is None
    assert page.locator("script").count() == 2
    assert problems == []
    page.evaluate(f"document.body.append(Object.assign(document.createElement('script'), {{text: '{ATTACK}'}}))")
    page.evaluate(f"document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"{ATTACK}\">')")
    until(page, "document.querySelector('img')?.complete")
    assert page.evaluate("window.owned") is None, "the policy of the page lets more run than its own script"


def test_points_are_given_by_keyboard_kept_undone_and_read_by_the_grader(page: Page, tmp_path: Path) -> None:
    given = {(student, "ps1.reflection"): f"Text of {student}." for student in ("ada", "bob", "=x")}
    out = tmp_path / "grades"
    out.mkdir()
    kept = "student,tutor,item,points,comment\r\nada,Eve,ps1.reflection,,\r\nold,,ps2.reflection,,=fine\r\n"
    (out / "hand.csv").write_bytes(kept.encode())
    problems = lab.shown(page, graded(out, given, "ada", "bob", "=x", "silent"), allowed="(file|blob):")
    who, status = page.locator("#who"), page.locator("#status")
    assert who.inner_text() == "ps1.reflection: hand-in 1"
    page.keyboard.type("4,5")
    page.keyboard.press("Tab")
    page.keyboard.type("Good,\nand short; =1")
    until(page, "Object.values(localStorage).some(kept => kept.includes('short; =1'))")
    page.reload()  # the browser has kept it, and shows the next
    assert who.inner_text() == "ps1.reflection: hand-in 2"
    assert status.inner_text().startswith("1 of 3 have points.")
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    assert status.inner_text() == "1 of 3 have points. Expected points from 0 to 5, got 7."
    page.keyboard.press("Control+a")
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    assert who.inner_text() == "ps1.reflection: hand-in 3"
    page.keyboard.press("Control+z")
    assert who.inner_text() == "ps1.reflection: hand-in 2"
    assert page.locator("#points").input_value() == ""
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    page.keyboard.type("5")
    page.keyboard.press("Enter")
    assert "No other is without points" in status.inner_text()
    assert "old" not in page.locator("body").inner_text()
    page.screenshot(path=lab.SCREENSHOTS / "reflections.png")
    with page.expect_download() as download:
        page.locator("#save").click()
    assert download.value.suggested_filename == "hand.csv"
    download.value.save_as(out / "hand.csv")
    assert problems == []
    graded(out, given, "ada", "bob", "=x", "silent")
    columns, rows, _ = rows_of(out / "hand.csv")
    assert columns == ["student", "tutor", "item", "points", "comment"]
    points = {row["student"]: row["points"] for row in rows}
    assert sorted(points[name] for name in ("ada", "bob", "=x")) == ["2", "4,5", "5"]
    assert next(row for row in rows if row["student"] == "old")["comment"] == "=fine"
    assert {row["tutor"] for row in rows if row["student"] == "ada"} == {"Eve"}
    assert [row["comment"] for row in rows if row["points"] == "4,5"] == ["Good,\nand short; =1"]
    with (out / "grades.csv").open() as file:
        assert sum(float(row["by hand"]) for row in csv.DictReader(file)) == 11.5
    page.reload()  # what the file says now is what was kept: no draft stands against it
    assert status.inner_text().startswith("3 of 3 have points.")
    assert "nothing was handed in" in (out / "feedback" / "silent.html").read_text()


def test_a_browser_that_keeps_nothing_says_so_and_a_change_of_the_file_counts(page: Page, tmp_path: Path) -> None:
    given = {("ada", "ps1.reflection"): "Text.", ("bob", "ps1.reflection"): "Text."}
    url = graded(tmp_path, given, "ada", "bob")
    page.goto(url)
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    (tmp_path / "hand.csv").write_text("student,item,points,comment\nada,ps1.reflection,2,\nbob,ps1.reflection,2,\n")
    graded(tmp_path, given, "ada", "bob")
    page.goto(url)
    assert page.locator("#points").input_value() == "2"
    page.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new Error('no') }})")
    page.reload()
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    assert "This browser keeps nothing: save before you close the page." in page.locator("#status").inner_text()
    page.keyboard.press("PageUp")
    page.keyboard.press("PageUp")
    assert page.locator("#points").input_value() == "3"
