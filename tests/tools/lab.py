"""JupyterLab in a headless browser: what the browser tests use to see and do what a person sees and does."""

import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, Request, ViewportSize, WebSocket, sync_playwright

COURSE = Path(__file__).parents[2]
PLAIN = COURSE / ".jupyter"  # as `make lab` opens it: without nbgrader's menus
LECTURES, SCREENSHOTS = COURSE / "notebooks", COURSE / "build" / "screenshots"
SCREEN = ViewportSize(width=1400, height=1000)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
PHONES_HOME = "lab/api/(news|update)"  # the server would fetch these from elsewhere
PATIENCE = 180  # seconds for anything that only a broken or a very busy machine fails to do
NOTEBOOK = "window.jupyterapp.shell.currentWidget"
PICTURES = ".jp-Notebook img.widget-image"
PLAYER = ".course-player >> nth=0"  # the first that is drawn
PLAYED = f"{PLAYER} >> img.widget-image"
SLOW = "[anywidget] Failed to initialize model"  # after 2 s of a busy page; course_lib/widgets/page.js mends it
GONE = "Could not restore the debugger state: Canceled future"  # JupyterLab's, where a notebook is left while it opens
IDLE = f"{NOTEBOOK}?.sessionContext?.session?.kernel?.status === 'idle'"


@contextmanager
def jupyterlab(root: Path, *, subshells: bool = True, nbgrader: bool = False, clone: bool = False) -> Iterator[str]:
    """Serve ``root`` with settings apart from this person's own; yields a URL with a gap, ``{name}``. Without
    ``subshells`` a widget's messages wait until the kernel is idle, as in older JupyterLabs. With ``nbgrader`` its
    menus are there, and ``root`` is its course. A ``clone`` of the course is served by its own `make lab`."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home, token = Path(folder), secrets.token_hex(8)
        own = {f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
        own |= {f"JUPYTERLAB_{kind}_DIR": str(home / kind.lower()) for kind in ("SETTINGS", "WORKSPACES")}
        own |= {"IPYTHONDIR": str(home / "ipython"), "JUPYTER_CONFIG_PATH": "" if nbgrader else str(PLAIN)}
        settings = {"docmanager-extension/plugin": '{"autosave": false}'}  # the next test opens the file as it was
        if not subshells:
            settings["apputils-extension/kernels-settings"] = '{"commsOverSubshells": "disabled"}'
        for name, text in settings.items():
            path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True)
            path.write_text(text)
        options = ["--no-browser", "--ip=127.0.0.1", "--port=0", "--allow-root", "--expose-app-in-browser"]
        options += [f"--IdentityProvider.token={token}"]
        command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={root}", *options]
        if clone:  # with the packages of this environment
            command = ["make", "-o", "setup", "lab", f"PYTHON={sys.executable}", f"LAB_ARGS={' '.join(options)}"]
            data = str(root / "build")  # knows which notebooks to trust on the next day
            own |= {"PYTHONPATH": str(root), "JUPYTER_DATA_DIR": data}
        with (home / "log").open("w") as log:
            streams = {"stdout": log, "stderr": log, "stdin": subprocess.DEVNULL}
            place = root if nbgrader or clone else None
            server = subprocess.Popen(command, env=os.environ | own, cwd=place, start_new_session=True, **streams)
        try:
            yield f"http://127.0.0.1:{_port(server, home)}/lab/tree/{{name}}?token={token}&reset"
        finally:
            for sign in (signal.SIGTERM, signal.SIGKILL):  # to make's children, too
                with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                    os.killpg(server.pid, sign)
                    server.wait(timeout=30)


def _port(server: subprocess.Popen[bytes], home: Path) -> int:
    """The port that the server chose: it writes it to its runtime folder."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        for path in (home / "runtime").glob("jpserver-*.json"):
            with suppress(json.JSONDecodeError):  # not yet written to its end
                return int(json.loads(path.read_text())["port"])
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{(home / 'log').read_text()}")


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS, timeout=PATIENCE * 1000)
        yield browser
        browser.close()


def shown(page: Page, url: str, *, allowed: str) -> list[str]:
    """Go there. Collects errors in the console, and requests for what this pattern does not allow."""
    problems: list[str] = []

    def watch(request: Request | WebSocket) -> None:
        if not re.match(allowed, request.url):
            problems.append(f"request that leaves the machine: {request.url[:120]}")

    page.on("console", lambda said: said.type == "error" and (GONE in said.text or problems.append(said.text)))
    page.on("pageerror", lambda error: SLOW in str(error) or problems.append(f"page error: {error}"))
    page.on("request", watch)
    page.on("websocket", watch)
    page.set_default_timeout(PATIENCE * 1000)
    page.goto(url)
    return problems


class Notebook:
    """One notebook, open in JupyterLab. ``problems`` collects console errors and requests that leave the machine."""

    def __init__(self, page: Page, url: str) -> None:
        host, _, rest = url.partition("://")[2].partition("/")
        allowed = rf"(data|blob|about):|\w+://{re.escape(host)}/(?!{PHONES_HOME})"
        self.page, self.problems = page, shown(page, url, allowed=allowed)
        self.name = rest.partition("?")[0].rpartition("/")[2].removesuffix(".ipynb")
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.wait_for_idle()
        page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")

    def run_all(self, timeout: float = 600) -> None:
        """Run every cell and wait, at most ``timeout`` seconds."""
        self.start("run-all-cells")
        self.wait_for_end(timeout)

    def write(self, index: int, source: str) -> None:
        """Put another source into a cell."""
        self.page.evaluate(
            f"source => {NOTEBOOK}.content.model.cells.get({index}).sharedModel.setSource(source)", source
        )

    def run_cell(self, index: int) -> None:
        """Run one cell and wait."""
        self.start("run-cell", index)
        self.wait_for_end(PATIENCE)

    def start(self, command: str, index: int = 0) -> None:
        """Let JupyterLab run the cell, or all, and do not wait for the end."""
        execute = f"window.jupyterapp.commands.execute('notebook:{command}')"
        self.page.evaluate(
            f"() => {{ {NOTEBOOK}.content.activeCellIndex = {index}; window.ran = 0;"
            f" {execute}.finally(() => {{ window.ran = 1 }}) }}"
        )

    def wait_for_end(self, timeout: float = PATIENCE) -> None:
        self.page.wait_for_function("window.ran === 1", timeout=timeout * 1000)
        self.wait_for_idle(timeout)

    def text_of(self, index: int) -> str:
        """What a cell has printed."""
        cell = self.page.evaluate(f"{NOTEBOOK}.content.model.toJSON().cells[{index}]")
        return "".join("".join(output.get("text", "")) for output in cell["outputs"])

    def wait_for_idle(self, timeout: float = PATIENCE) -> None:
        self.page.wait_for_function(IDLE, timeout=timeout * 1000)

    def complaints(self) -> list[str]:
        """Every error and every line on stderr in the notebook's outputs."""
        cells = self.page.evaluate(f"{NOTEBOOK}.content.model.toJSON().cells")
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        errors = [f"{o['ename']}: {o['evalue']}" for o in outputs if o["output_type"] == "error"]
        return errors + ["".join(o["text"]) for o in outputs if o.get("name") == "stderr"]

    def index_of(self, words: str) -> int:
        """The place of the first cell whose source has these words."""
        cells = self.page.evaluate(f"{NOTEBOOK}.content.model.toJSON().cells")
        return next(index for index, cell in enumerate(cells) if words in "".join(cell["source"]))

    def show_cell(self, index: int) -> None:
        """Scroll to a cell: JupyterLab draws only the cells near the screen."""
        self.page.evaluate(f"async () => {{ await {NOTEBOOK}.content.scrollToItem({index}, 'start') }}")

    def show(self, selector: str) -> None:
        """Scroll until the first drawn element that a selector finds stands at the top."""
        self.page.locator(selector).first.evaluate("element => element.scrollIntoView({block: 'start'})")

    def screenfuls(self) -> list[Path]:
        """Scroll from top to bottom, so that every cell is drawn, and take a picture of each screenful."""
        scroll = """async place => {
            const outer = document.querySelector('.jp-WindowedPanel-outer');
            const before = place === 'top' ? -1 : outer.scrollTop;
            outer.scrollTop = place === 'top' ? 0 : outer.scrollTop + outer.clientHeight - 60;
            for (let frame = 0; frame < 6; frame++) await new Promise(requestAnimationFrame);
            return outer.scrollTop > before }"""
        place, shots = "top", list[Path]()
        while self.page.evaluate(scroll, place) and len(shots) < 60:
            shots.append(self.screenshot(f"-{len(shots):02d}"))
            place = "next"
        return shots

    def slider(self, which: str | int = 0) -> Locator:
        """The handle of a drawn slider, by its whole label or by its place."""
        sliders = self.page.locator(".jp-Notebook .widget-slider")
        if isinstance(which, str):
            label = self.page.locator(".widget-label", has_text=re.compile(f"^{re.escape(which)}$"))
            sliders, which = sliders.filter(has=label), 0
        return sliders.nth(which).locator(".noUi-handle").first

    def press(self, which: str | int, *keys: str) -> None:
        """Focus a slider and press keys, as a person does: ArrowRight, ArrowLeft, Home, End, PageUp ..."""
        handle = self.slider(which)
        handle.wait_for()
        handle.scroll_into_view_if_needed()
        handle.focus()
        for key in keys:
            self.page.keyboard.press(key)

    def wait_for_status(self, words: str, timeout: float = PATIENCE) -> None:
        """Wait until the first drawn player says this."""
        status = self.page.locator(f"{PLAYER} >> .status", has_text=words)
        status.wait_for(timeout=timeout * 1000)

    def pictures(self, selector: str = PICTURES) -> list[str]:
        """A fingerprint of the bytes of each drawn picture, in the order of the page."""
        read = """images => Promise.all(images.map(async image =>
            Array.from(new Uint8Array(await (await fetch(image.src)).arrayBuffer()))))"""
        return [hashlib.sha256(bytes(b)).hexdigest() for b in self.page.locator(selector).evaluate_all(read)]

    def wait_for_change(self, before: list[str], selector: str = PICTURES, timeout: float = PATIENCE) -> list[str]:
        """Wait until every picture differs from ``before``; returns the fingerprints now."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            now = self.pictures(selector)
            if len(now) == len(before) and all(a != b for a, b in zip(before, now, strict=True)):
                return now
            self.page.wait_for_timeout(50)  # polls; it does not guess how long the work takes
        raise AssertionError(f"after {timeout} s not every picture has changed: {before} -> {now}")

    def move(self, slider: str, keys: Sequence[str], value: float) -> None:
        """Press keys on a slider, to this value, until the first player has new pictures and is done."""
        before = self.pictures(PLAYED)
        self.press(slider, *keys)
        self.wait_for_change(before, PLAYED)
        self.wait_for_status("Done")
        assert self.slider(slider).get_attribute("aria-valuenow") == str(value)

    def show_player(self, suffix: str) -> None:
        """Take a picture of the first player, from its top."""
        self.show(PLAYER)
        self.screenshot(suffix)

    def screenshot(self, suffix: str = "") -> Path:
        path = SCREENSHOTS / f"{self.name}{suffix}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path)
        return path

    def close(self) -> None:
        self.page.evaluate(f"{NOTEBOOK}.sessionContext.shutdown()")
        self.page.close()

    def enter(self, path: str) -> None:
        """Open a notebook in a page whose last one was left."""
        self.name = Path(path).stem
        opened = "window.jupyterapp.commands.execute('docmanager:open', { path })"
        self.page.evaluate(f"async path => {{ await {opened} }}", path)
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.wait_for_idle()

    def leave(self) -> None:
        """Close every notebook and its kernel, whatever was not saved, and keep JupyterLab for the next one."""
        self.page.evaluate(
            """async () => { for (const one of [...window.jupyterapp.shell.widgets('main')]) {
                await one.sessionContext?.shutdown();
                one.dispose() } }"""
        )
        self.page.wait_for_selector(".jp-Notebook", state="detached")
        self.page.set_viewport_size(SCREEN)
        self.page.emulate_media(reduced_motion="no-preference")


@dataclass(frozen=True)
class OpenNotebook:
    """A folder that JupyterLab serves: ``with open_notebook("notebooks/x.ipynb") as notebook``."""

    browser: Browser
    url: str
    root: Path
    left: list[Notebook] = field(default_factory=list)  # pages that wait for another notebook

    @contextmanager
    def __call__(self, name: str) -> Iterator[Notebook]:
        """In a page that nobody has used. Asserts at the end that no problem was seen."""
        notebook = Notebook(self.browser.new_page(viewport=SCREEN), self.url.format(name=name))
        try:
            yield notebook
            assert notebook.problems == [], notebook.problems  # pytest explains asserts in tests alone
        finally:
            notebook.close()

    @contextmanager
    def again(self, name: str) -> Iterator[Notebook]:
        """The same, in a page that was left where there is one: loading JupyterLab takes longer than most tests."""
        if self.left:
            notebook = self.left.pop()
            notebook.enter(name)
        else:
            notebook = Notebook(self.browser.new_page(viewport=SCREEN), self.url.format(name=name))
        try:
            yield notebook
            assert notebook.problems == [], notebook.problems
            notebook.leave()
            self.left.append(notebook)
        except BaseException:
            notebook.close()
            raise


@contextmanager
def served(browser: Browser, root: Path, *, subshells: bool = True) -> Iterator[OpenNotebook]:
    """A copy of the lectures in this folder, ready to be opened."""
    shutil.copytree(LECTURES, root / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    shutil.copytree(COURSE / "data" / "results", root / "data" / "results")  # pictures that a text shows
    with jupyterlab(root, subshells=subshells) as url:
        yield OpenNotebook(browser, url, root)
