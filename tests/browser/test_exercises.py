"""A student works on a problem set in JupyterLab: fails a check, reads a hint, fixes the function, passes."""

import shutil

import pytest

from tests.conftest import ROOT, OpenNotebook

pytestmark = pytest.mark.browser
HEAD = "def project_box(delta, start, radius):\n    return "


def test_a_student_fails_a_check_reads_the_hint_fixes_it_and_passes(open_notebook: OpenNotebook) -> None:
    shutil.copy(ROOT / "notebooks/exercises/release/ps1/ps1.ipynb", open_notebook.root / "ps1.ipynb")
    with open_notebook.again("ps1.ipynb") as notebook:
        page = notebook.page
        notebook.run_all()
        assert notebook.complaints() == []
        assert notebook.screenfuls()
        assert page.get_by_text("Validate", exact=True).count() == 0  # nbgrader's menus are for lecturers

        function, check = (notebook.index_of(words) for words in ("def project_box", 'check("ps1.project_box"'))
        picture = check + 2
        report = page.locator(f'.jp-Cell[data-windowed-list-index="{check}"] .jp-OutputArea')
        drawn = page.locator(f'.jp-Cell[data-windowed-list-index="{picture}"] .jp-OutputArea')
        notebook.show_cell(function)
        report.get_by_text("not written yet").wait_for()
        drawn.get_by_text("No picture yet").wait_for()

        def write(body: str) -> None:
            page.locator(f'.jp-Cell[data-windowed-list-index="{function}"] .cm-content').click()
            page.keyboard.press("Control+a")
            page.keyboard.insert_text(HEAD + body)
            for index in (function, check, picture):
                notebook.run_cell(index)

        write("torch.min(delta.clamp(max=radius), 1 - start)")
        report.get_by_text("Likely cause: Only the upper side seems to be clamped").wait_for()
        notebook.show_cell(function)
        notebook.screenshot("_failed")
        folded = page.locator(".jp-RenderedMarkdown details", has_text="Here no value knows of any other")
        assert not folded.locator("p").is_visible()
        folded.locator("summary").click()
        folded.locator("p").wait_for()
        notebook.screenshot("_hint")

        write("(start + delta.clamp(-radius, radius)).clamp(0, 1) - start")
        report.get_by_text("Visible checks passed").wait_for()
        drawn.locator("img[alt^='A change between two pictures, cut off']").wait_for()
        notebook.show_cell(function)
        notebook.screenshot("_passed")
        assert notebook.complaints() == []
