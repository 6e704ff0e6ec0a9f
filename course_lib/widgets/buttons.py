"""Buttons that only a browser can press: one that is held, and one for the full screen."""

from pathlib import Path

import anywidget
import traitlets


class Hold(anywidget.AnyWidget):
    """`held` is True as long as a person holds the button: with the mouse, a finger, Space or Enter."""

    _esm = Path(__file__).with_name("hold.js")
    held = traitlets.Bool(False).tag(sync=True)
    description = traitlets.Unicode("").tag(sync=True)


class FullScreen(anywidget.AnyWidget):
    """A button that shows the lecture around it on the full screen; Escape, or the button again, ends that."""

    _esm = Path(__file__).with_name("fullscreen.js")
    around = traitlets.Unicode(".course-lecture").tag(sync=True)
