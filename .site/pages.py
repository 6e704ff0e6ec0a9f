"""What the site makes of the repository's pages: an index, links to itself that need no address, light pictures."""

import ast
import base64
import io
import posixpath
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.project import Project

SITE = Path(__file__).parent
ROOT = SITE.parent
ADDRESS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Documentation"] + "/"
INDEX = "index"
README = (ROOT / "README.md").read_text()
CORE = [*re.findall(r"\((course_lib/[\w/]+\.py)\)", README), "course_lib/testbeds/testbed.py"]  # what a reader reads
LECTURE = re.compile(r"^\| (\[[^]]+\]\(notebooks/\d[^)]+\)) \| (.+) \| (\d+) \|$", re.M)  # a row of the README's table

PNG = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")


class Pages(Project):
    """The documents of the repository, and .site/index.md as if it lay in its first folder."""

    def discover(self, exclude_paths: Iterable[str] = (), include_paths: Iterable[str] = ("**",)) -> set[str]:
        super().discover(exclude_paths, include_paths)
        self.docnames.add(INDEX)
        return self.docnames

    def doc2path(self, docname: str, absolute: bool) -> Path:
        path = super().doc2path(docname, absolute)
        return type(path)(SITE / "index.md") if docname == INDEX and absolute else path


def add_index(app: Sphinx) -> None:
    app.project = app.env.project = Pages(app.srcdir, app.config.source_suffix)


def fill_index(app: Sphinx, docname: str, source: list[str]) -> None:
    if docname == INDEX:
        lectures = [f"- {link}: {what} ({minutes} minutes)" for link, what, minutes in LECTURE.findall(README)]
        library = [f"- [{name.removesuffix('.py')}]({name}): {first_line(ROOT / name)}" for name in CORE]
        said = {"LECTURES": "\n".join(lectures), "LIBRARY": "\n".join(library), "ADDRESS": ADDRESS}
        source[0] = re.sub("|".join(said), lambda found: said[found[0]], source[0])


def lower_anchors(app: Sphinx, docname: str, source: list[str]) -> None:
    """A heading of a notebook is "Glossary" to JupyterLab's links, and "glossary" to MyST's."""
    source[0] = re.sub(r"(\.ipynb#)([\w-]+)", lambda found: found[1] + found[2].lower(), source[0])


def first_line(module: Path) -> str:
    """Of its docstring, which says what the module is."""
    return (ast.get_docstring(ast.parse(module.read_text())) or "").partition("\n")[0]


def make_relative(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """A link to the site's address leads to the page beside this one; one to this very page is left out."""
    here = app.builder.get_target_uri(docname)
    for link in list(doctree.findall(nodes.reference)):
        _, found, path = link.get("refuri", "").partition(ADDRESS)
        if found and path == here:
            place = link.parent.index(link)
            del link.parent[place : place + 2]  # with the dot between two links
        elif found:
            link["refuri"], link["internal"] = posixpath.relpath(path, posixpath.dirname(here) or "."), True


def lighten(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """The pictures inside of pages become WebP, with a fifth of the bytes."""
    for html in doctree.findall(nodes.raw):
        html.children = [nodes.Text(PNG.sub(webp, html.astext()))]


def webp(png: re.Match[str]) -> str:
    file = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(png[1]))).convert("RGB").save(file, "webp", quality=85)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", add_index)
    app.connect("source-read", fill_index)
    app.connect("source-read", lower_anchors)
    app.connect("doctree-resolved", make_relative)
    app.connect("doctree-resolved", lighten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
