"""Colab opens a notebook without the course around it. So there are copies with a cell on top that fetches it.

Colab opens notebooks from branches alone, so the workflow that publishes the site also writes the copies, and nothing
else, to a branch of their own; the button of a page leads there.
"""

import json
import os
from pathlib import Path
from typing import Any

from pages import ADDRESS
from sphinx.application import Sphinx

BRANCH = "colab"  # what .github/workflows/site.yml writes
FETCH = """# Colab has neither this course nor its widgets yet. This takes a minute.
!git clone --quiet --depth 1 {address} /content/course
%pip install --quiet --editable /content/course
%cd /content/course/{folder}
import sys

from google.colab import output

sys.path.insert(0, "/content/course")  # a kernel that runs already does not find what was installed just now
output.enable_custom_widget_manager()"""


def set_up(notebook: dict[str, Any], *, address: str, folder: str) -> dict[str, Any]:
    """The notebook with the cell that fetches the course on top. Outputs are left out."""
    source = FETCH.format(address=address, folder=folder).splitlines(keepends=True)
    first = {
        "cell_type": "code",
        "id": "fetch",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": source,
    }
    cells = [cell | {"outputs": []} if cell["cell_type"] == "code" else cell for cell in notebook["cells"]]
    return notebook | {"cells": [first, *cells]}


def add_copies(app: Sphinx, error: Exception | None) -> None:
    address = app.config.html_theme_options.get("repository_url")
    if error is not None or not address:
        return
    for name in sorted(app.env.found_docs):
        path = Path(app.env.doc2path(name))
        if path.suffix == ".ipynb":
            copy = Path(app.outdir, "colab", f"{name}.ipynb")
            copy.parent.mkdir(parents=True, exist_ok=True)
            notebook = set_up(json.loads(path.read_text()), address=address, folder=Path(name).parent.as_posix())
            text = json.dumps(notebook, indent=1, ensure_ascii=False)
            copy.write_text(text.replace(ADDRESS, os.environ.get("COURSE_SITE", ADDRESS)))


def lead_there(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """The theme's button for Colab opens the notebook of the repository; let it open the copy."""
    branch = app.config.html_theme_options.get("repository_branch")
    groups = [button for button in context.get("header_buttons", []) if button["type"] == "group"]
    for button in (button for group in groups for button in group["buttons"] if button["text"] == "Colab"):
        button["url"] = button["url"].replace(f"/blob/{branch}/", f"/blob/{BRANCH}/")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", lead_there, priority=600)  # after the theme has made its buttons
    app.connect("build-finished", add_copies)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
