"""Buttons that only a browser can press: one that is held, one for the full screen, one for a person's picture."""

import json
from pathlib import Path
from typing import Any

import anywidget
import traitlets

PLAN = json.loads(Path(__file__).with_name("plan.json").read_text())
"""The 90 minutes of notebooks/GUIDE.md: minutes, a notebook, and the presets of its demos that are shown, in order."""


class Hold(anywidget.AnyWidget):
    """`held` is True as long as a person holds the button: with the mouse, a finger, Space or Enter."""

    _esm = Path(__file__).with_name("hold.js")
    held = traitlets.Bool(False).tag(sync=True)
    description = traitlets.Unicode("").tag(sync=True)


class Page(anywidget.AnyWidget):
    """What a demo needs of the page: a button for the full screen, a key for the next preset, texts of pictures.

    `alts` says for each picture of the demo what it shows now; `plan` has a lecture's presets, each with its notebook.
    """

    _esm = Path(__file__).with_name("page.js")
    alts = traitlets.List(traitlets.Unicode()).tag(sync=True)
    plan: Any = traitlets.List().tag(sync=True)

    @traitlets.default("plan")
    def _of_the_course(self) -> list[dict[str, str]]:
        return [{"notebook": part["notebook"], "preset": name} for part in PLAN for name in part["presets"]]


class Upload(anywidget.AnyWidget):
    """`value` is a picture file's bytes, b"" until one is chosen; `reading.read_picture(io.BytesIO(value), size)`.

    The browser cuts the central square and sends at most 512 x 512 pixels; it says in one sentence what it cannot read,
    and takes files of at most 100 MB. Without a browser: `upload.value = path.read_bytes()`.
    """

    _esm = Path(__file__).with_name("upload.js")
    value = traitlets.CBytes(b"").tag(sync=True)
    description = traitlets.Unicode("").tag(sync=True)
