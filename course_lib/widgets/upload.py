"""A person's own picture as a control: read and made small in the browser, or given as bytes."""

from pathlib import Path

import anywidget
import traitlets


class Upload(anywidget.AnyWidget):
    """`value` is a picture file's bytes, b"" until one is chosen; `reading.read_picture(io.BytesIO(value), size)`.

    The browser cuts the central square and sends at most 512 x 512 pixels; it says in one sentence what it cannot read,
    and takes files of at most 100 MB. Without a browser: `upload.value = path.read_bytes()`.
    """

    _esm = Path(__file__).with_name("upload.js")
    value = traitlets.CBytes(b"").tag(sync=True)
    description = traitlets.Unicode("").tag(sync=True)
