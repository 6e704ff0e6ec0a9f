"""A lecturer gives points by hand in nbgrader's formgrader, and the student's page shows them."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell
from playwright.sync_api import Browser

from course_lib.authoring.release import nbgrader
from course_lib.grading import sandbox
from tests.tools import lab
from tests.tools.classroom import COURSE, notebook
from tests.tools.programs import NO_BUBBLEWRAP, needed

pytestmark = [pytest.mark.browser, pytest.mark.full]
HOSTILE = """<img src="x" onerror="document.title = 'owned'"><script>document.title = 'owned'</script> the end"""
PATIENCE = lab.PATIENCE * 1000


def test_a_lecturer_grades_a_reflection_and_the_student_reads_it(browser: Browser, tmp_path: Path) -> None:
    needed(sandbox.available(), NO_BUBBLEWRAP)
    course = tmp_path / "exercises"
    shutil.copytree(COURSE, course, ignore=shutil.ignore_patterns("release", "gradebook.db", "grades", "submitted"))
    nbgrader(course, "generate_assignment", "ps1")
    (course / "submitted" / "ada" / "ps1").mkdir(parents=True)
    handed_in = notebook("ps1")
    handed_in.cells.append(new_markdown_cell(HOSTILE))
    nbformat.write(handed_in, course / "submitted" / "ada" / "ps1" / "ps1.ipynb")
    nbgrader(course, "autograde", "ps1")
    with lab.jupyterlab(course, nbgrader=True) as url:
        start, _, token = url.partition("/lab/tree/{name}")
        page = browser.new_page(viewport=lab.SCREEN)
        page.set_default_timeout(PATIENCE)
        page.goto(f"{start}/lab{token}")  # as a lecturer does; formgrader takes no token itself
        page.get_by_role("menuitem", name="Nbgrader").wait_for()
        page.goto(f"{start}/formgrader/gradebook/ps1/ps1")
        page.get_by_role("link", name="Submission #1").click()
        page.get_by_text("takes the steps of targeted PGD").wait_for()  # the sandbox's report stands in the notebook
        page.wait_for_function("formgrader.grades?.loaded && formgrader.comments?.loaded")  # else what is typed is lost
        page.get_by_text("the end").wait_for()
        assert "owned" not in page.title()  # no student's text runs with the lecturer's rights
        reflection = page.locator(".nbgrader_cell", has_text="2 points for the gradient").last
        for field, words, saved in (
            ("input.score", "4.5", "/api/grade/"),
            ("textarea.comment", "A convincing example.", "/api/comment/"),
        ):
            reflection.locator(field).click()
            page.keyboard.type(words)
            with page.expect_response(lambda response, saved=saved: saved in response.url and response.ok):
                page.keyboard.press("Tab")
        page.screenshot(path=lab.SCREENSHOTS / "formgrader.png")
        page.close()
    nbgrader(course, "generate_feedback", "ps1")
    feedback = (course / "feedback" / "ada" / "ps1" / "ps1.html").read_text()
    assert "A convincing example." in feedback
    assert "Score: 38.5 / 39.0" in feedback
