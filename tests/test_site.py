"""The site: built from the README and all notebooks, of which only a small one of this test is executed."""

import base64
import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import parse_qsl, unquote, urlsplit

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image
from playwright.sync_api import Browser, Page

from course_lib import testbeds
from course_lib.datasets.shipped import SUGGESTED
from course_lib.seeds import KINDS
from course_lib.testbeds.imagenette import dial
from tests.conftest import ROOT
from tests.tools import lab
from tests.tools.parts import KERNEL

SETTINGS = ROOT / ".site"
CODE = re.findall(r"\((course_lib/[\w/]+\.py)\)", (ROOT / "README.md").read_text())
PAGES = ["README.md", "CONTRIBUTING.md", "LICENSE", "data/README.md", "data/results", "notebooks", *CODE]
SMALL = "notebooks/00_small"
ALT = "Two grey squares, and nothing else"
PLAYER = """
target = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))

def make(epsilon: float, steps: int) -> dict[str, Problem]:
    def loss(images):
        return (images - target).square().flatten(1).sum(1)

    return {"robust": Problem(loss, torch.full((1, 3, 8, 8), 0.5), L2Ball(epsilon), steps=steps, step_size=0.5)}

Player(make, names=["robust"], epsilon=controls.epsilon(9.0), steps=controls.steps(7))
"""
CELLS = [
    new_markdown_cell(
        "# A small notebook\n\n[Next](01_robust_training.ipynb)\n\n$$\\min_\\theta \\big[L\\big] \\tag{7}$$"
    ),
    new_code_cell(
        "import time\nimport torch\nfrom course_lib import plots\nfrom course_lib.constraints import L2Ball\n"
        "from course_lib.pgd import Problem\nfrom course_lib.widgets import Canvas, Player, controls"
    ),
    new_code_cell(PLAYER),
    new_code_cell("Canvas(16, label='your paper')"),
    new_code_cell(f"plots.described(plots.grid({{'grey': torch.full((2, 3, 8, 8), 0.5)}}), '{ALT}')"),
    new_code_cell("print('executed at', time.time_ns())"),
]

ADDRESS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Documentation"]
LECTURES = sorted((ROOT / "notebooks").glob("*.ipynb"))


def build(source: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Build `source` with the course's settings: pages in source/../site."""
    above = source.parent
    command = [sys.executable, "-m", "sphinx", "-c", SETTINGS, "-d", above / "doctrees"]
    command += ["-D", f"nb_execution_cache_path={above / 'cache'}", *options, source, above / "site"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COURSE_REPOSITORY": "git@github.com:some-one/course.git"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def only_text(path: Path) -> None:
    """A notebook without its code: the text has the links and formulas, the code would take its time."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("site") / "course"
    for name in PAGES:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, source / name)
    shutil.rmtree(source / "notebooks" / "exercises" / "source")
    for path in (source / "notebooks").rglob("*.ipynb"):
        if path.stem != "ps1":  # which must be left alone, since its code is to be written
            only_text(path)
    nbformat.write(new_notebook(cells=CELLS, metadata=KERNEL), source / f"{SMALL}.ipynb")
    result = build(source, "-W", "--keep-going")  # warnings are errors
    assert result.returncode == 0, result.stderr
    return source.parent / "site"


class Links(HTMLParser):
    """What a page has of ids, of links (`href` of `a`), and of things that it loads by itself."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids, self.links, self.loads, self.alts = set[str](), list[str](), list[str](), list[str | None]()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and values.get("rel") in ("stylesheet", "preload", "icon", "shortcut icon"):
            self.loads.append(values["href"])
        self.loads += [values[name] for name in ("src", "data", "poster") if name in values]
        if tag == "img":
            self.alts.append(values.get("alt"))


@cache
def read(path: Path) -> Links:
    return Links(path)


def pages(site: Path) -> list[Path]:
    found = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    assert len(found) > 20
    return found


def leads_nowhere(page: Path, link: str) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return False
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.is_file():
        return True
    return bool(parts.fragment) and target.suffix == ".html" and unquote(parts.fragment) not in read(target).ids


def test_every_internal_link_and_picture_is_there(site: Path) -> None:
    wrong = [
        (page.name, link) for page in pages(site) for link in read(page).links + read(page).loads
        if leads_nowhere(page, link)
    ]  # fmt: skip
    assert wrong == []


def test_the_front_page_leads_to_every_notebook(site: Path) -> None:
    links = read(site / "index.html").links
    wanted = [path.relative_to(ROOT).with_suffix(".html").as_posix() for path in (ROOT / "notebooks").glob("*.ipynb")]
    assert set(wanted) <= set(links)
    assert {f"notebooks/exercises/release/ps{n}/ps{n}.html" for n in range(1, 7)} <= set(links)
    assert {"course_lib/pgd.html", "course_lib/tasks.html"} <= set(links)


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    loads = [(page.name, url) for page in pages(site) for url in read(page).loads]
    assert [pair for pair in loads if urlsplit(pair[1]).netloc or urlsplit(pair[1]).scheme not in ("", "data")] == []
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", style.read_text()), style.name


def test_every_picture_has_alt_text_or_a_text_beside_it(site: Path) -> None:
    assert [page.name for page in pages(site) if None in read(page).alts] == []
    assert ALT in read(site / f"{SMALL}.html").alts
    assert "your paper, nothing drawn yet" in read(site / f"{SMALL}.html").alts


def test_a_player_is_there_as_the_picture_of_its_end(site: Path) -> None:
    text = (site / f"{SMALL}.html").read_text()
    found = re.search(r'<img class="widget-image" src="data:image/png;base64,([^"]+)"', text)
    assert found
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(found[1]))))
    assert picture.std() > 10
    assert "ε (radius) <b>9.0</b>" in text
    assert "Done: 7 steps" in text


def test_no_widget_and_no_warning_is_left_over(site: Path) -> None:
    for page in pages(site):
        assert not re.search(
            r"widget-view\+json|widget-state\+json|VBox\(children|class=\"output stderr", page.read_text()
        )


def test_binder_opens_files_that_exist(site: Path) -> None:
    links = {link for page in pages(site) for link in read(page).links if "mybinder.org" in link}
    found = [re.fullmatch(r"https://mybinder\.org/v2/gh/some-one/course/main\?urlpath=lab/tree/(.*)", x) for x in links]
    names = {match[1] for match in found if match}
    assert len(names) == len(links) > 11
    assert [name for name in names - {f"{SMALL}.ipynb"} if not (ROOT / name).is_file()] == []
    assert (ROOT / "environment.yml").is_file()  # what Binder installs from


def test_colab_opens_copies_that_fetch_the_course(site: Path) -> None:
    links = {link for page in pages(site) for link in read(page).links if "colab.research.google.com" in link}
    start = "https://colab.research.google.com/github/some-one/course/blob/gh-pages/"
    names = {link.removeprefix(start) for link in links}
    assert len(names) > 11
    for name in names:
        first, *others = nbformat.read(site / name, as_version=4).cells  # checks the format
        original = nbformat.read(site.parent / "course" / name.removeprefix("colab/"), as_version=4).cells
        assert [cell.source for cell in others] == [cell.source for cell in original]
        assert "git clone --quiet --depth 1 https://github.com/some-one/course /content/course\n" in first.source
        assert (ROOT / re.findall(r"%cd /content/course/(.*)", first.source)[0]).is_dir()


def test_what_colab_would_run_brings_the_course(settings: ModuleType, tmp_path: Path) -> None:
    """The first cell of a copy, in IPython, with git and a small repository; pip and Colab itself are stand-ins."""
    files = {
        "origin/course_lib/__init__.py": "",
        "origin/notebooks/00.ipynb": "",
        "stand-in/google/colab/__init__.py": "",
    }
    files["stand-in/google/colab/output.py"] = "def enable_custom_widget_manager(): print('enabled')\n"
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for words in ("init -q", "add .", "-c user.name=test -c user.email=test commit -qm all"):
        subprocess.run(["git", "-C", tmp_path / "origin", *words.split()], check=True)
    colab = importlib.import_module("colab")  # the settings have put its folder on the path
    notebook = colab.set_up({"cells": []}, address=f"file://{tmp_path}/origin", folder="notebooks")
    cell = "".join(notebook["cells"][0]["source"]).replace("/content", str(tmp_path))
    (tmp_path / "cell.ipy").write_text(
        cell.replace("%pip install", "!echo pip install")
        + "\nimport os, course_lib\nprint(course_lib.__file__, os.getcwd())"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "stand-in"), "IPYTHONDIR": str(tmp_path / "ipython")}
    command = [sys.executable, "-m", "IPython", "--no-banner", tmp_path / "cell.ipy"]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=True)
    course = tmp_path / "course"
    assert f"pip install --quiet --editable {course}" in result.stdout
    assert result.stdout.split()[-3:] == ["enabled", f"{course}/course_lib/__init__.py", f"{course}/notebooks"]


def test_formulas_are_mathml(site: Path) -> None:
    text = (site / "notebooks/02_targeted_pgd.html").read_text()
    assert text.count("<math ") > 10
    assert not re.search(r"\$\$|\\varepsilon|\\min", re.sub(r"<pre>.*?</pre>", "", text, flags=re.DOTALL))
    assert '<span class="eqno">(7)</span>' in (site / f"{SMALL}.html").read_text()


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with lab.chromium(chromium_path) as opened:
        yield opened


@contextmanager
def shown(browser: Browser, path: Path, *, width: int = 1400, query: str = "") -> Iterator[Page]:
    """A page from the disk, which may neither complain nor ask for anything that is not on the disk."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    problems = lab.shown(page, path.as_uri() + query, allowed="(file|data|blob):")
    yield page
    assert problems == []
    page.close()


LOOKED_AT = ["index", SMALL, "notebooks/03_seed_distributions", "notebooks/exercises/release/ps1/ps1", "course_lib/pgd"]


@pytest.mark.browser
@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("name", LOOKED_AT)
def test_pages_are_quiet_and_fit(site: Path, browser: Browser, name: str, width: int) -> None:
    with shown(browser, site / f"{name}.html", width=width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        lab.SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=lab.SCREENSHOTS / f"site-{Path(name).name}-{width}.png")


@pytest.mark.browser
def test_formulas_have_their_font(site: Path, browser: Browser) -> None:
    with shown(browser, site / f"{SMALL}.html") as page:
        fonts = page.evaluate("document.fonts.ready.then(() => [...document.fonts].map(f => f.family + f.status))")
        assert "STIX Two Mathloaded" in [font.replace('"', "") for font in fonts]
        tall = "['math', '.bd-article p'].map(name => document.querySelector(name).getBoundingClientRect().height)"
        height, line = page.evaluate(tall)
        assert height > line  # a limit below: it is drawn as a formula, not as a line of text


@pytest.mark.browser
def test_search_finds_a_word_without_a_server(site: Path, browser: Browser) -> None:
    with shown(browser, site / "search.html", query="?q=eigenvectors") as page:
        page.locator("#search-results a", has_text="Seed distributions").first.click()
        page.wait_for_url("**/03_seed_distributions.html*")


@pytest.mark.browser
def test_dark_pages_keep_pictures_as_they_are(site: Path, browser: Browser) -> None:
    with shown(browser, site / f"{SMALL}.html") as page:
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        style = "(element, name) => getComputedStyle(element)[name]"
        ink = page.locator(".course-still").first.evaluate(style, "color")
        paper = page.locator("body").evaluate(style, "backgroundColor")
        assert page.locator(".course-still img").first.evaluate(style, "filter") == "none"
        brightness = [sum(map(float, re.findall(r"[\d.]+", colour)[:3])) for colour in (ink, paper)]
        assert brightness[0] > brightness[1] + 300


def test_a_second_build_executes_only_new_code_and_names_a_cell_that_fails(site: Path) -> None:
    notebooks = site.parent / "course" / "notebooks"
    again = nbformat.read(notebooks / "00_small.ipynb", as_version=4)
    again.cells[0].source += "\n\nAnother sentence.\n"
    nbformat.write(again, notebooks / "00_small.ipynb")
    cells = [new_markdown_cell("# Bad"), new_code_cell("1"), new_code_cell("unknown_name + 1")]
    nbformat.write(new_notebook(cells=cells, metadata=KERNEL), notebooks / "99_bad.ipynb")
    result = build(notebooks.parent)
    said = result.stdout + result.stderr
    assert set(re.findall(r"(\w+\.ipynb): Using cached notebook", said)) == {"00_small.ipynb"}
    assert set(re.findall(r"(\w+\.ipynb): Executing notebook", said)) == {"99_bad.ipynb"}
    assert result.returncode != 0
    assert re.search(r"unknown_name \+ 1\s", result.stderr)
    assert "NameError: name 'unknown_name' is not defined" in re.sub(r"\x1b\[[\d;]*m", "", result.stderr)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("JUPYTER_PATH", "")
    monkeypatch.setenv("COURSE_REPOSITORY", "")
    specification = importlib.util.spec_from_file_location("site_settings", SETTINGS / "conf.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_outputs_are_those_of_this_library_and_mode(
    settings: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for folder in ("course_lib", "data"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    keys = [settings.key()]
    (tmp_path / "course_lib" / "pgd.py").write_text("steps = 1")
    keys.append(settings.key())
    (tmp_path / "data" / "weights.json").write_text("{}")
    keys.append(settings.key())
    monkeypatch.setenv("COURSE_FAST", "1" if os.environ.get("COURSE_FAST") is None else "2")
    keys.append(settings.key())
    assert len(set(keys)) == 4
    assert settings.key() == keys[-1]


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("https://github.com/some-one/course.git", "https://github.com/some-one/course"),
        ("git@github.com:some-one/course.git\n", "https://github.com/some-one/course"),
        ("https://user:secret@github.com/some-one/course", "https://github.com/some-one/course"),
        ("/srv/git/course", ""),
    ],
)
def test_the_address_holds_no_secret(
    settings: ModuleType, monkeypatch: pytest.MonkeyPatch, remote: str, expected: str
) -> None:
    monkeypatch.setenv("COURSE_REPOSITORY", remote)
    assert settings.address() == expected


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_a_first_cell_leads_to_the_page_and_to_a_live_picture(path: Path) -> None:
    """The state in the address is one that the live page knows."""
    first = nbformat.read(path, as_version=4).cells[0].source
    assert f"[Page with pictures]({ADDRESS}/notebooks/{path.stem}.html)" in first
    (state,) = re.findall(rf"\[Live page\]\({re.escape(ADDRESS)}/live/index\.html#([^)\s]+)\)", first)
    asked = dict(parse_qsl(state, strict_parsing=True))
    assert asked.pop("view") in {"towards", "hole", "gradient"}
    assert asked.pop("class") in testbeds.load("imagenette-128").classes
    assert asked.pop("start") in KINDS.keys() | SUGGESTED.keys()
    assert asked.pop("blocks", "1") == "1"
    numbers = {name: float(value) for name, value in asked.items()}
    assert numbers.keys() <= {"epsilon", "steps", "size", "seed", "radius"}
    assert numbers.get("radius", 0.0) in dial()


def test_one_command_writes_another_address_everywhere(tmp_path: Path) -> None:
    copied = [ROOT / name for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md")] + LECTURES
    for path in copied:
        (tmp_path / path.relative_to(ROOT)).parent.mkdir(exist_ok=True)
        shutil.copyfile(path, tmp_path / path.relative_to(ROOT))
    (command,) = re.findall(r"```sh\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    subprocess.run(command, shell=True, cwd=tmp_path, check=True)
    for path in LECTURES:
        before, after = (nbformat.read(root / "notebooks" / path.name, as_version=4) for root in (ROOT, tmp_path))
        before.cells[0].source = before.cells[0].source.replace(ADDRESS, "https://someone.github.io/course")
        assert after == before
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    assert project["urls"]["Documentation"] == "https://someone.github.io/course"
