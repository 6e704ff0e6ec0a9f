"""The site: built from the README and all notebooks, of which only a small one of this test is executed."""

import ast
import html
import importlib.util
import json
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
from types import ModuleType, SimpleNamespace
from urllib.parse import parse_qsl, unquote, urlsplit

import nbformat
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import Browser, Page

from tests.conftest import ROOT
from tests.tools import lab
from tests.tools.parts import KERNEL

SETTINGS = ROOT / ".site"
CODE = re.findall(r"\((course_lib/[\w/]+\.py)\)", (ROOT / "README.md").read_text())
CODE += ["course_lib/testbeds/testbed.py"]
PAGES = ["README.md", "CONTRIBUTING.md", "LICENSE", "data/README.md", "data/results", "notebooks", *CODE]
ADDRESS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Documentation"]
LECTURES = sorted((ROOT / "notebooks").glob("*.ipynb"))
SMALL = "notebooks/00_small"
ALT = "Two grey squares, and nothing else"
PLAYER = """
target = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))

def make(epsilon: float, steps: int) -> dict[str, Problem]:
    def loss(images):
        return (images - target).square().flatten(1).sum(1)

    start = torch.full((1, 3, 8, 8), 0.5)
    return {n: Problem(loss, start, L2Ball(epsilon), steps=steps, step_size=0.5) for n in ("robust", "standard")}

Player(make, epsilon=controls.epsilon(9.0), steps=controls.steps(7))
"""
WIDE = "plots.described(plots.grid({'grey': torch.full((10, 3, 8, 8), 0.5)}), 'ten grey squares')"
CELLS = [
    new_markdown_cell(
        "# A small notebook\n\n[Next](01_robust_training.ipynb)\n\n"
        f"[Page with pictures]({ADDRESS}/{SMALL}.html) · [Live page]({ADDRESS}/live/index.html#view=hole&seed=1)\n\n"
        "$$\\min_\\theta \\big[L\\big] \\tag{7}$$"
    ),
    new_code_cell(
        "import time\nimport torch\nfrom course_lib import plots\nfrom course_lib.constraints import L2Ball\n"
        "from course_lib.pgd import Problem\nfrom course_lib.widgets import Canvas, Player, controls"
    ),
    new_code_cell(PLAYER),
    new_code_cell("Canvas(16, label='your paper')"),
    new_code_cell(WIDE),
    new_code_cell(f"plots.described(plots.grid({{'grey': torch.full((2, 3, 8, 8), 0.5)}}), '{ALT}')"),
    new_code_cell("print('executed at', time.time_ns())"),
]


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
    if target.parent.name == "live":  # the state of the live page, which another test reads
        return False
    return bool(parts.fragment) and target.suffix == ".html" and unquote(parts.fragment) not in read(target).ids


def test_every_internal_link_and_picture_is_there(site: Path) -> None:
    wrong = [
        (page.name, link) for page in pages(site) for link in read(page).links + read(page).loads
        if leads_nowhere(page, link)
    ]  # fmt: skip
    assert wrong == []


def test_the_front_page_leads_to_every_notebook(site: Path) -> None:
    links = read(site / "index.html").links
    assert {path.relative_to(ROOT).with_suffix(".html").as_posix() for path in LECTURES} <= set(links)
    assert all(f">{first}" in (site / "index.html").read_text() for first in ("00 Start here", "10 Measuring quality"))
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


def test_links_to_the_site_need_no_address_and_lead_to_the_live_page(site: Path) -> None:
    links = {page.relative_to(site).as_posix(): read(page).links for page in pages(site)}
    assert [name for name, some in links.items() if any(link.startswith(ADDRESS) for link in some)] == []
    assert links["index.html"].count("live/index.html") == 2  # a picture and words
    assert "_images/live.webp" in read(site / "index.html").loads
    assert "live/index.html" in links["README.html"]
    assert "../live/index.html#view=hole&seed=1" in links[f"{SMALL}.html"]
    assert "Page with pictures" not in (site / f"{SMALL}.html").read_text()  # it is this page
    assert all(f"../live/index.html#{state}" in links[f"notebooks/{name}.html"] for name, state in states().items())


def states() -> dict[str, str]:
    firsts = {path.stem: nbformat.read(path, as_version=4).cells[0].source for path in LECTURES}
    return {name: re.findall(r"/live/index\.html#([^)\s]+)\)", first)[0] for name, first in firsts.items()}


def test_pages_are_light(site: Path) -> None:
    assert [page.name for page in pages(site) if "data:image/png" in " ".join(read(page).loads)] == []
    assert max(page.stat().st_size for page in pages(site)) < 3_000_000


def test_every_page_has_a_name_of_its_own_and_holds_something(site: Path) -> None:
    """What a search engine finds leads nobody into an empty page."""
    texts = {page.relative_to(site).as_posix(): page.read_text() for page in pages(site)}
    titles = [re.findall(r"<title>(.*?)</title>", text, re.DOTALL)[0] for text in texts.values()]
    assert len(set(titles)) == len(titles)
    assert not {"genindex.html", "py-modindex.html"} & texts.keys()
    assert [name for name, text in texts.items() if len(re.sub(r"<[^>]+>", " ", text).split()) < 150] == []


def test_a_module_is_a_page_of_what_it_offers_and_of_its_source(site: Path) -> None:
    for name in CODE:
        text = (site / name).with_suffix(".html").read_text()
        tree = ast.parse((ROOT / name).read_text())
        offered = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        for node in offered:
            if ast.get_docstring(node) and not node.name.startswith("_"):
                assert f'id="{name.removesuffix(".py").replace("/", ".")}.{node.name}"' in text
                assert f'href="#L-{node.lineno}"' in text
    pgd = html.unescape(re.sub(r"<[^>]+>", "", (site / "course_lib" / "pgd.html").read_text()))
    assert "step_size: float = 1.0" in pgd
    assert "solve(problem: Problem) → Tensor" in pgd


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
    start = "https://colab.research.google.com/github/some-one/course/blob/colab/"
    names = {link.removeprefix(start) for link in links}
    assert len(names) > 11
    for name in names:
        first, *others = nbformat.read(site / "colab" / name, as_version=4).cells  # checks the format
        original = nbformat.read(site.parent / "course" / name, as_version=4).cells
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


SELECTS = ["class", "start", "blocks", "norm", "epsilon", "steps", "size"]
PLACES = "all => all.map(one => one.getBoundingClientRect()).map(box => [box.x, box.y, box.width])"
SEEN = """film => ({
    words: [...film.querySelectorAll("figcaption > :not([hidden])")].map(words => words.innerText),
    places: [...film.querySelectorAll(".strip img")].map(image => getComputedStyle(image).translate),
    marks: [...film.querySelectorAll("svg .now")].map(line => line.getAttribute("d")),
})"""


@pytest.mark.browser
def test_a_player_plays(site: Path, browser: Browser) -> None:
    with shown(browser, site / f"{SMALL}.html") as page:
        film, slider = page.locator(".course-film"), page.locator(".course-film input")
        end = film.evaluate(SEEN)
        assert film.locator("output").inner_text() == "step 7 of 7"
        film.get_by_role("button", name="Play").click()
        seen = [end]
        while (now := film.evaluate(SEEN)) != end or len(seen) < 2:  # from the start to the end again
            seen += [now] * (now != seen[-1])
        film.get_by_role("button", name="Play").wait_for()  # it rests
        assert len(seen) > 4
        assert len(set(seen[1]["words"])) == 1, "both start from the same"
        slider.focus()
        page.keyboard.press("Home")
        start = film.evaluate(SEEN)
        assert film.locator("output").inner_text() == "step 0 of 7"
        assert slider.get_attribute("aria-valuetext") == "step 0 of 7"
        assert all(before != after for before, after in zip(start.values(), end.values(), strict=True))
        assert len(seen) <= len(json.loads(film.get_attribute("data-steps") or ""))


@pytest.mark.browser
def test_a_player_shows_its_end_without_scripts(site: Path, browser: Browser) -> None:
    with shown(browser, site / f"{SMALL}.html") as page:
        end = page.locator(".course-film").evaluate(SEEN)
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto((site / f"{SMALL}.html").as_uri())
    assert page.locator(".course-film").evaluate(SEEN) == end
    assert page.locator(".play").count() == 0
    page.context.close()


@pytest.mark.browser
@pytest.mark.parametrize(("width", "beside"), [(1280, True), (390, False), (3840, True)])
def test_robust_and_standard_stand_beside_each_other_where_there_is_room(
    site: Path, browser: Browser, width: int, beside: bool
) -> None:
    with shown(browser, site / f"{SMALL}.html", width=width) as page:
        (x, y, robust), (right, below, standard) = page.locator(".strip").evaluate_all(PLACES)
        assert robust == standard > 240
        assert (right > x + robust and y == below) if beside else (right == x and below > y + robust)


@pytest.mark.browser
def test_a_wide_figure_scrolls_on_a_phone(site: Path, browser: Browser) -> None:
    with shown(browser, site / f"{SMALL}.html", width=390) as page:
        place = page.get_by_role("group", name="a wide figure, which scrolls")
        place.locator("img").wait_for()
        assert page.get_by_alt_text("ten grey squares").evaluate("image => image.width") == 760
        place.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("document.querySelector('.wide').scrollLeft > 0")
        assert page.get_by_alt_text(ALT).evaluate("image => image.width") < 390


@pytest.mark.browser
def test_the_live_page_knows_what_the_lectures_ask_for(site: Path, browser: Browser) -> None:
    for state in states().values():
        asked = dict(parse_qsl(state, strict_parsing=True))
        with shown(browser, site / "live" / "index.html", query=f"#{state}") as page:
            assert page.locator("[name=view]:checked").input_value() == asked["view"]
            assert {name: page.locator(f"#{name}").input_value() for name in asked if name in SELECTS} == {
                name: value for name, value in asked.items() if name in SELECTS
            }
            assert "that this page does not know" not in page.locator("body").inner_text()


@pytest.mark.browser
@pytest.mark.parametrize("name", ["index", SMALL, "course_lib/pgd"])
def test_axe_finds_nothing_serious(site: Path, browser: Browser, name: str) -> None:
    with shown(browser, site / f"{name}.html", width=390) as page:
        found = Axe().run(page, options={"preload": False}).response["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        assert [(one["id"], one["nodes"][0]["html"][:120]) for one in serious] == []


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
    first = nbformat.read(path, as_version=4).cells[0].source
    assert f"[Page with pictures]({ADDRESS}/notebooks/{path.stem}.html)" in first
    assert f"[Live page]({ADDRESS}/live/index.html#{states()[path.stem]})" in first


def test_one_command_writes_another_address_everywhere(tmp_path: Path) -> None:
    copied = [ROOT / name for name in ("pyproject.toml", "CITATION.cff", "README.md", "CONTRIBUTING.md")] + LECTURES
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


WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/site.yml").read_text())


def test_one_workflow_publishes_the_site_from_main_with_few_rights(settings: ModuleType) -> None:
    jobs = WORKFLOW["jobs"]
    assert WORKFLOW[True] == {"push": {"branches": ["main"]}, "workflow_dispatch": None}  # YAML reads `on` as True
    assert jobs["build"]["if"] == "github.ref == 'refs/heads/main'"
    assert WORKFLOW["permissions"] == {}
    rights = {
        "build": {"contents": "read", "pages": "read"},
        "deploy": {"pages": "write", "id-token": "write"},
        "colab": {"contents": "write"},
    }
    assert {name: job["permissions"] for name, job in jobs.items()} == rights
    assert [jobs["deploy"]["needs"], jobs["colab"]["needs"]] == ["build", "deploy"]
    steps = {step["uses"].partition("@")[0]: step for job in jobs.values() for step in job["steps"] if "uses" in step}
    assert steps["actions/upload-pages-artifact"]["with"]["path"] == "build/site"
    assert steps["actions/upload-artifact"]["with"] == {"name": "colab", "path": "build/site/colab"}
    assert steps["actions/download-artifact"]["with"] == {"name": "colab"}
    assert [step["run"] for step in jobs["build"]["steps"] if "run" in step] == [".ci/run site"]
    assert {path.name for path in (ROOT / ".github/workflows").iterdir()} == {"site.yml", "test.yml", "release.yml"}
    assert importlib.import_module("colab").BRANCH in jobs["colab"]["steps"][-1]["run"]


def test_the_branch_for_colab_holds_the_copies_of_the_newest_site(tmp_path: Path) -> None:
    """What the workflow runs, twice, with a repository beside it."""
    script = WORKFLOW["jobs"]["colab"]["steps"][-1]["run"]
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "remote"], check=True)
    for name in ("first", "second"):
        (tmp_path / name / "notebooks").mkdir(parents=True)
        (tmp_path / name / "notebooks" / f"{name}.ipynb").write_text("{}")
        own = {"COMMIT": "1234", "REMOTE": str(tmp_path / "remote")}
        subprocess.run(["bash", "-euc", script], cwd=tmp_path / name, env=os.environ | own, check=True)
    asked = ["git", "-C", tmp_path / "remote", "ls-tree", "-r", "--name-only", "colab"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout == "notebooks/second.ipynb\n"


def test_a_copy_names_the_address_that_it_is_published_under(
    settings: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COURSE_SITE", "https://someone.github.io/course/")
    path = tmp_path / "one.ipynb"
    path.write_text(
        json.dumps({"cells": [{"cell_type": "markdown", "source": [f"[live]({ADDRESS}/live/index.html)"]}]})
    )
    app = SimpleNamespace(outdir=tmp_path, config=SimpleNamespace(html_theme_options={"repository_url": "https://x"}))
    app.env = SimpleNamespace(found_docs=["notebooks/one"], doc2path=lambda _: path)
    importlib.import_module("colab").add_copies(app, None)
    copy = json.loads((tmp_path / "colab/notebooks/one.ipynb").read_text())
    assert copy["cells"][1]["source"] == ["[live](https://someone.github.io/course/live/index.html)"]
