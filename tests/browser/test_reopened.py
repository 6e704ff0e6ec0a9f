"""A notebook without the kernel that made its pictures, and a clone of the course after a student's work in it."""

import json
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from playwright.sync_api import Browser

from tests.browser.test_player import PLAYER
from tests.conftest import ROOT, OpenNotebook
from tests.tools import lab
from tests.tools.parts import KERNEL, written

pytestmark = pytest.mark.browser
WIDGETS = "application/vnd.jupyter.widget-state+json"
ASLEEP = ".course-player.jupyter-widgets-disconnected"
SENTENCE = "element => getComputedStyle(element, '::before').content"
ICONS = "elements => elements.map(element => getComputedStyle(element, '::before').content)"  # of a broken chain

KILL = "import os; os.kill(os.getpid(), 9)"
LISTED = "fetch('/api/contents').then(answer => answer.json()).then(root => root.content.map(entry => entry.name))"


def save(notebook: lab.Notebook) -> None:
    notebook.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")


def kept(path: Path) -> list[str]:
    """The kinds of widgets that are saved in a notebook."""
    state = json.loads(path.read_text())["metadata"]["widgets"][WIDGETS]["state"]
    return sorted(widget["model_name"] for widget in state.values())


def ran(notebook: lab.Notebook) -> list[str]:
    """Run the demo, move its slider; returns its pictures."""
    notebook.run_cell(0)
    notebook.wait_for_status("Ready")
    before = notebook.pictures(lab.PLAYED)
    notebook.press("ε (radius)", "ArrowRight")
    notebook.wait_for_change(before, lab.PLAYED)
    notebook.wait_for_status("Done")
    return notebook.pictures(lab.PLAYED)


def assert_asleep(notebook: lab.Notebook, pictures: list[str], suffix: str) -> None:
    """The last pictures, one sentence that says how to make them live, and nothing that is broken or seems to run."""
    player = notebook.page.locator(ASLEEP)
    player.wait_for()
    notebook.page.wait_for_function("document.querySelectorAll('.course-player img.widget-image').length === 2")
    notebook.show_player(suffix)
    assert notebook.pictures(lab.PLAYED) == pictures
    assert all(notebook.page.locator(lab.PLAYED).evaluate_all("images => images.map(image => image.naturalWidth)"))
    assert "To make them live, run" in player.evaluate(SENTENCE)
    assert set(player.locator(".jupyter-widgets-disconnected").evaluate_all(ICONS)) == {"none"}
    assert player.locator(".status").is_hidden()
    assert player.locator(".widget-hprogress").is_hidden()
    assert notebook.page.get_by_text("Error displaying widget").count() == 0


def test_a_notebook_opens_with_its_last_pictures_every_day_until_it_is_run(open_notebook: OpenNotebook) -> None:
    path = open_notebook.root / written(open_notebook, "reopened.ipynb", PLAYER)
    with open_notebook(path.name) as notebook:
        ran(notebook)
        save(notebook)
        widgets = kept(path)
        pictures = ran(notebook)
        save(notebook)
        assert kept(path) == widgets, "the widgets of the run before are saved, too"
    with open_notebook(path.name) as notebook:
        assert_asleep(notebook, pictures, "_next")
        save(notebook)
        assert kept(path) == widgets, "saving it again has lost its pictures"
    with open_notebook(path.name) as notebook:
        assert_asleep(notebook, pictures, "_third")
        assert ran(notebook) == pictures
        assert notebook.page.locator(".jupyter-widgets-disconnected").count() == 0


@pytest.mark.full
def test_a_notebook_is_open_twice_and_the_kernel_goes_on(open_notebook: OpenNotebook) -> None:
    """As by closing the tab and opening it again: nothing is asleep then."""
    name = written(open_notebook, "twice.ipynb", PLAYER)
    first = lab.Notebook(open_notebook.browser.new_page(viewport=lab.SCREEN), open_notebook.url.format(name=name))
    pictures = ran(first)
    save(first)
    first.page.close()
    with open_notebook(name) as notebook:
        notebook.show_cell(0)
        notebook.page.locator(lab.PLAYED).nth(1).wait_for()
        assert notebook.pictures(lab.PLAYED) == pictures
        assert notebook.page.locator(ASLEEP).count() == 0
        notebook.press("ε (radius)", "ArrowRight")
        notebook.wait_for_change(pictures, lab.PLAYED)


GONE = {
    "restarted": f"{lab.NOTEBOOK}.sessionContext.session.kernel.restart()",
    "shut-down": f"{lab.NOTEBOOK}.sessionContext.shutdown()",
    "killed": f"() => {{ {lab.NOTEBOOK}.sessionContext.session.kernel.requestExecute({{code: {KILL!r}}}) }}",
}


@pytest.mark.parametrize("how", ["restarted", *(pytest.param(how, marks=pytest.mark.full) for how in list(GONE)[1:])])
def test_without_its_kernel_a_demo_keeps_its_pictures_even_those_of_half_a_run(
    open_notebook: OpenNotebook, how: str
) -> None:
    path = open_notebook.root / written(open_notebook, f"{how}.ipynb", PLAYER)
    with open_notebook(path.name) as notebook:
        pictures = ran(notebook)
        notebook.press("pause", "End")
        notebook.press("steps", "End")  # a run of an hour
        notebook.wait_for_status("Running at step 1")
        notebook.wait_for_change(pictures, lab.PLAYED)
        notebook.page.evaluate(GONE[how])
        if how == "killed":
            notebook.page.locator(".jp-Dialog button").click()  # "... appears to have died"
        notebook.page.locator(ASLEEP).wait_for()
        half = notebook.pictures(lab.PLAYED)
        assert_asleep(notebook, half, "")
        save(notebook)  # only now, when no kernel knows them any more
        if how != "shut-down":
            assert len(set(ran(notebook))) == 2
            assert notebook.page.locator(".jupyter-widgets-disconnected").count() == 0
    if how == "shut-down":
        with open_notebook(path.name) as notebook:
            assert_asleep(notebook, half, "_next")


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_a_clone_stays_clean_whatever_is_run_and_saved_in_it(browser: Browser, tmp_path: Path) -> None:
    """As `make lab` serves it, with a quick demo in the first notebook, whose other cells nobody runs."""
    git(tmp_path, "clone", "--quiet", str(ROOT), "course")
    clone, name = tmp_path / "course", "00_start_here.ipynb"
    checked = new_code_cell("1 + 1", outputs=[new_output("execute_result", {"text/plain": "2"}, execution_count=1)])
    notebook = new_notebook(cells=[new_code_cell(PLAYER), checked], metadata=KERNEL)
    nbformat.write(notebook, clone / "notebooks" / name)
    author = ("-c", "user.name=a", "-c", "user.email=a@course.invalid")
    git(clone, *author, "commit", "--quiet", "--all", "--message=a quick demo")
    pictures: list[str] = []
    for _ in range(2):
        with lab.jupyterlab(clone, clone=True) as url, OpenNotebook(browser, url, clone)(f"mine/{name}") as opened:
            if pictures:
                assert_asleep(opened, pictures, "_clone")
            pictures = ran(opened)
            save(opened)
            listed = opened.page.evaluate(LISTED)
            assert "mine" in listed
            assert "notebooks" not in listed, "a student may open the course's own"
        assert git(clone, "status", "--porcelain") == ""
        assert kept(clone / "mine" / name)
