"""A canvas to draw on and to paint masks on: strokes appear at once, and one PNG for each goes to Python."""

import base64
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from PIL import Image
from torch import Tensor

from course_lib.datasets.strokes import Shape, decode, encode, layer, one_picture
from course_lib.pixels import to_uint8

WIDE = 448  # pixels of the screen
LOST = 10_000  # layers that a busy kernel may miss
PREFIX = "data:image/png;base64,"
KINDS = ("colours", "mask")


class Canvas(anywidget.AnyWidget):
    """Draw in colour (`paints="colours"`) or paint a mask (`paints="mask"`), over a picture or on white paper.

    `value` is the layer of strokes as PNG, `size` x `size`, b"" where nothing is drawn; `strokes.image_of` and
    `strokes.mask_of` read it. It changes once at the end of each stroke, so a canvas is a control of a `Player` like
    any slider. `revision` counts these changes. `picture` is (3, size, size) in [0, 1]; setting it clears the strokes.
    `brush` is the width of the brush in the picture's pixels; a pixel is `scale` pixels of the screen wide.

    Without a browser: `canvas.draw(Rectangle(10, 10, 30, 30))`, `canvas.undo()`, `canvas.clear()`.
    """

    _esm = Path(__file__).with_name("canvas.js")
    _css = Path(__file__).with_name("canvas.css")

    value = traitlets.CBytes(b"")
    revision = traitlets.Int(0).tag(sync=True)
    description = traitlets.Unicode("").tag(sync=True)
    size = traitlets.Int(64).tag(sync=True)
    scale = traitlets.Int(7).tag(sync=True)
    paints = traitlets.Enum(KINDS, "colours").tag(sync=True)
    brush = traitlets.CFloat(4.0).tag(sync=True)
    tool = traitlets.Unicode("brush").tag(sync=True)
    colour = traitlets.Unicode("#000000").tag(sync=True)
    background = traitlets.Unicode("").tag(sync=True)  # the picture, as an address of the form data:
    state = traitlets.Tuple(traitlets.Unicode(), traitlets.Int(), default_value=("", 0)).tag(sync=True)
    """The newest layer as an address, and how many steps can be undone: what browser and Python both may set."""

    def __init__(
        self, size: int, *, picture: Tensor | None = None, paints: str = "colours", label: str = "drawing"
    ) -> None:
        if paints not in KINDS:
            raise ValueError(f"expected a canvas that paints {' or '.join(KINDS)}, got {paints!r}")
        decode(b"", size)  # refuses a bad size
        self._past = [b""]  # layers, the newest last; undo goes back
        look = {"scale": max(1, WIDE // size), "brush": max(1.0, size / (16 if paints == "colours" else 8))}
        super().__init__(size=size, paints=paints, description=label, **look)
        self.picture = picture
        self.on_msg(self._asked)

    @property
    def picture(self) -> Tensor | None:
        return self._picture

    @picture.setter
    def picture(self, picture: Tensor | None) -> None:
        self._picture = None if picture is None else one_picture(picture, self.size)
        pixels = None if self._picture is None else Image.fromarray(to_uint8(self._picture)[0])
        with self.hold_sync():
            self.background = "" if pixels is None else address(encode(pixels.convert("RGBA")))
            self.state = ("", 0)

    def draw(self, *shapes: Shape) -> None:
        """Put shapes on the canvas, as one step. ValueError for a shape outside the picture."""
        self.value = layer(shapes, self.size, onto=self.value)

    def clear(self) -> None:
        """Take all strokes away; this can be undone."""
        self.value = b""

    def undo(self) -> None:
        """Go back to what was there before the last change."""
        depth = self.state[1]
        while depth and self._past[depth] == self.value:
            depth -= 1
        self.state = (address(self._past[depth]), depth)

    def _asked(self, _: Any, content: Any, __: Any) -> None:
        """A browser that does not know what was there before it came asks for it."""
        if content == "undo":
            self.undo()

    @traitlets.validate("value")
    def _sound(self, proposal: Any) -> bytes:
        return encode(decode(proposal["value"], self.size))

    @traitlets.validate("state")
    def _readable(self, proposal: Any) -> tuple[str, int]:
        url, depth = proposal["value"]
        try:
            decode(content_of(url), self.size)
        except ValueError as error:
            raise traitlets.TraitError(str(error)) from error
        if not 0 <= depth < len(self._past) + LOST:
            raise traitlets.TraitError(f"expected a number of steps that can be undone, got {depth}")
        return url, depth

    @traitlets.observe("state")
    def _drawn(self, change: Any) -> None:
        """The newest layer has come, from the browser or from here. Those that a busy kernel has missed are filled."""
        url, depth = change.new
        value = encode(decode(content_of(url), self.size))
        missed = [self._past[-1]] * (depth - len(self._past))
        self._past[depth:] = [*missed, value]
        self.value = value

    @traitlets.observe("value")
    def _changed(self, change: Any) -> None:
        self.revision += 1
        if change.new != self._past[-1]:
            self.state = (address(change.new), len(self._past))


def address(png: bytes) -> str:
    return PREFIX + base64.b64encode(png).decode() if png else ""


def content_of(url: str) -> bytes:
    """The bytes of an address that `address` or a browser made; ValueError for any other."""
    try:
        return base64.b64decode(url.removeprefix(PREFIX), validate=True)
    except ValueError as error:
        raise ValueError("expected a drawing as an address data:image/png;base64, got another") from error
