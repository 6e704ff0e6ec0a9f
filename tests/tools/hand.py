"""A person's hand on a canvas in the browser: mouse, keys and buttons; and what the eye sees of it."""

import hashlib
from collections.abc import Sequence

from playwright.sync_api import Locator

from tests.tools.lab import PATIENCE, Notebook

Point = tuple[float, float]


class Hand:
    """Draws on the drawn canvas of this name; points are in pixels of the picture."""

    def __init__(self, notebook: Notebook, name: str, *, view: int = 0) -> None:
        self.page = notebook.page
        named = self.page.locator(".name", has_text=name)
        self.root = self.page.locator(".course-canvas", has=named).nth(view)
        self.face = self.root.locator(".marks")

    def onto(self, point: Point) -> Point:
        """Where a point of the picture is on the screen."""
        self.face.wait_for()
        self.face.scroll_into_view_if_needed()
        box = self.face.bounding_box()
        assert box is not None
        size = float(self.root.locator(".paper").get_attribute("width") or 0)
        return box["x"] + point[0] / size * box["width"], box["y"] + point[1] / size * box["height"]

    def drag(self, *points: Point, steps: int = 4) -> None:
        """Press at the first point, go along the others, release at the last one."""
        self.page.mouse.move(*self.onto(points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.onto(point), steps=steps)
        self.page.mouse.up()

    def choose(self, *buttons: str) -> None:
        for name in buttons:
            self.root.get_by_role("button", name=name, exact=True).click()

    def press(self, *keys: str) -> None:
        self.face.focus()
        for key in keys:
            self.page.keyboard.press(key)

    @property
    def revision(self) -> int:
        """How many changes Python has seen."""
        return int(self.root.get_attribute("data-revision") or 0)

    def wait_for_revision(self, number: int) -> None:
        self.root.and_(self.page.locator(f'[data-revision="{number}"]')).wait_for(timeout=PATIENCE * 1000)

    def seen(self, layers: Sequence[str] = (".paper", ".marks")) -> str:
        """A fingerprint of what the canvas shows; without the cursor where that is elsewhere."""
        read = "canvas => canvas.toDataURL()"
        shown = [self.root.locator(layer).evaluate(read) for layer in layers]
        return hashlib.sha256("".join(shown).encode()).hexdigest()

    def colour(self, point: Point) -> list[int]:
        """The colour of the paper at a pixel."""
        read = "(canvas, [x, y]) => Array.from(canvas.getContext('2d').getImageData(x, y, 1, 1).data.slice(0, 3))"
        return list(self.root.locator(".paper").evaluate(read, [int(point[0]), int(point[1])]))

    def button(self, name: str) -> Locator:
        return self.root.get_by_role("button", name=name, exact=True)
