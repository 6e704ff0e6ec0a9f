"""The live page in a headless browser: what its tests see and do."""

import base64
import gzip
import io
import mimetypes
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page

from tests.tools.lab import PATIENCE, shown
from tests.tools.web import Server

HERE = r"(blob:|data:|file:///|http://127\.0\.0\.1:\d+/)"  # what a page that asks nobody may ask
ASKED = """act => new Promise(done => {
    addEventListener("hashchange", () => done(), { once: true });
    if (typeof act === "number") history.go(act);
    else if (location.hash.slice(1) === act) done();
    else location.hash = act;
    setTimeout(done, 60000);
})"""
MOVED = """(slider, value) => {
    slider.value = value;
    for (const name of ["input", "change"]) slider.dispatchEvent(new Event(name));
}"""


class Live:
    """A page that shows the live page of an address; `problems` is what must not be."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url, self.problems = page, url, shown(page, url, allowed=HERE)

    def find(self, selector: str, **options: Any) -> Locator:
        return self.page.locator(selector, **options)

    def wait(self) -> None:
        """Until both networks have come to their end, or a sentence says why not."""
        self.find(".stage[aria-busy=false]").wait_for(timeout=PATIENCE * 1000)

    def go(self, address: str) -> None:
        """Another address of the same page, as from a link or a person's hand."""
        self.page.evaluate(ASKED, address)
        self.wait()

    def back(self, by: int = -1) -> None:
        self.page.evaluate(ASKED, by)
        self.wait()

    def choose(self, name: str, value: str, *, wait: bool = True) -> None:
        self.find(f"#{name}").select_option(value)
        if wait:
            self.wait()

    def move(self, name: str, value: float, *, wait: bool = True) -> None:
        """A slider, as by a hand that lets it go there."""
        self.find(f"#{name}").evaluate(MOVED, value)
        if wait:
            self.wait()

    @property
    def address(self) -> str:
        return str(self.page.evaluate("location.hash.slice(1)"))

    @property
    def status(self) -> str:
        return self.find("#status").inner_text()

    def said(self, role: str) -> str:
        """What stands below a picture."""
        return " ".join(self.find(f"#{role} .said").all_inner_texts())

    def picture(self, selector: str) -> np.ndarray:
        """The pixels of a canvas, (height, width, 3) in [0, 1]."""
        url = self.find(selector).evaluate("canvas => canvas.toDataURL()")
        with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
            return np.asarray(image.convert("RGB")) / 255

    @property
    def pictures(self) -> dict[str, np.ndarray]:
        return {role: self.picture(f"#{role} canvas") for role in ("robust", "standard")}

    def box(self, selector: str) -> dict[str, Any]:
        found = self.find(selector).bounding_box()
        assert found
        return {**found, "bottom": found["y"] + found["height"], "right": found["x"] + found["width"]}


def published(server: Server, folder: Path) -> str:
    """The folder on a static host that compresses; the page's address."""
    for path in folder.rglob("*"):
        if path.is_file():
            place = f"/{folder.name}/{path.relative_to(folder).as_posix()}"
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            for name in {place, place.removesuffix("index.html")}:
                server.put(name, gzip.compress(path.read_bytes(), 6))
                server.headers[name] = {"Content-Encoding": "gzip", "Content-Type": kind}
    return f"{server.url}/{folder.name}/index.html"
