"""A button that says how long it is held."""

from pathlib import Path

import anywidget
import traitlets


class Hold(anywidget.AnyWidget):
    """`held` is True as long as a person holds the button: with the mouse, a finger, Space or Enter."""

    _esm = Path(__file__).with_name("hold.js")
    held = traitlets.Bool(False).tag(sync=True)
    description = traitlets.Unicode("").tag(sync=True)
