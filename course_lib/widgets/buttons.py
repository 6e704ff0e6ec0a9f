"""Buttons that only a browser can press: one that is held, and one for the full screen."""

from pathlib import Path

import anywidget
import traitlets


class Hold(anywidget.AnyWidget):
    """`held` is True as long as a person holds the button: with the mouse, a finger, Space or Enter."""

    _esm = Path(__file__).with_name("hold.js")
    held = traitlets.Bool(False).tag(sync=True)
    description = traitlets.Unicode("").tag(sync=True)


class Page(anywidget.AnyWidget):
    """What a demo needs of the page: a button for the full screen, a key for the next preset, texts of pictures.

    `alts` says for each picture of the demo what it shows now.
    """

    _esm = Path(__file__).with_name("page.js")
    alts = traitlets.List(traitlets.Unicode()).tag(sync=True)
