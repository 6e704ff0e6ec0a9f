"""The site that `make site` builds: the executed notebooks as pages to read, without a server and without a network.

Sphinx, MyST-NB and the book theme do the work. The source folder is the repository itself.
"""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

from sphinx.application import Sphinx

SITE = Path(__file__).parent
ROOT = SITE.parent
sys.path.insert(0, str(SITE))  # the modules beside this one

from pages import CORE  # noqa: E402


def key() -> str:
    """Changes with whatever the notebooks' outputs depend on, beside their own code."""
    found = hashlib.sha256(repr([os.environ.get(name) for name in ("COURSE_FAST", "TESTBED")]).encode())
    for path in sorted(path for folder in ("course_lib", "data") for path in (ROOT / folder).rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            found.update(path.read_bytes())
    return found.hexdigest()[:12]


def address() -> str:
    """Where the repository is on GitHub, without anything secret that the remote's address may hold; or ""."""
    asked = ["git", "-C", str(ROOT), "remote", "get-url", "origin"]
    remote = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    found = re.search(r"github\.com[:/]([\w.-]+)/([\w.-]+?)(\.git)?/?\s*$", os.environ.get("COURSE_REPOSITORY", remote))
    return f"https://github.com/{found[1]}/{found[2]}" if found else ""


project = "Image synthesis with a single (robust) classifier"
author = ""
copyright = ""
include_patterns = ["README.md", "CONTRIBUTING.md", "data/README.md", "data/results/README.md", *CORE]
include_patterns += ["notebooks/GUIDE.md"]
include_patterns += ["notebooks/*.ipynb", "notebooks/exercises/README.md", "notebooks/exercises/release/*/*.ipynb"]
exclude_patterns = [".*", "build", "**.ipynb_checkpoints"]
extensions = ["myst_nb", "formulas", "colab", "pages", "reference"]
add_module_names = False
suppress_warnings = ["mystnb.unknown_mime_type"]

# Notebooks: executed with widgets as pictures (.site/kernels), once for each state of their code and of what is above.
os.environ["JUPYTER_PATH"] = str(SITE)
nb_kernel_rgx_aliases = {".*": "still"}
nb_execution_mode = "cache"
nb_execution_cache_path = str(ROOT / "build" / "notebooks" / key())
nb_execution_excludepatterns = ["**/release/*/*"]  # these are to be solved
nb_execution_timeout = 1200
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True
nb_ipywidgets_js = {}

myst_enable_extensions = ["dollarmath", "amsmath", "html_image"]
myst_heading_anchors = 3

html_theme = "sphinx_book_theme"
html_title = "Image synthesis with a robust classifier"
html_static_path = [str(ROOT / "course_lib" / "widgets" / "style.css"), str(SITE / "site.css"), str(SITE / "film.js")]
html_css_files = ["style.css", "site.css", "formulas.css"]
html_js_files = ["film.js"]
html_use_index = False
html_baseurl = os.environ.get("COURSE_SITE", "")  # where it will stand, if that is known
html_math_renderer = "mathml"
html_show_search_summary = False  # it would need a server
html_theme_options = {"show_navbar_depth": 1, "use_fullscreen_button": False, "navbar_persistent": []}
html_context = {"default_mode": "auto"}
if address():
    html_theme_options |= {
        "repository_url": address(),
        "repository_branch": "main",
        "use_repository_button": True,
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
            "notebook_interface": "jupyterlab",
        },
    }
html_copy_source = True
html_sourcelink_suffix = ""


def add_live_page(app: Sphinx, error: Exception | None) -> None:
    import live  # with torch, which takes a while

    if error is None:
        live.build(Path(app.outdir) / "live")


def setup(app: Sphinx) -> None:
    app.connect("build-finished", add_live_page)
