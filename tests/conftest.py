"""What every test shares."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import hypothesis
import pytest
import torch

from tests.tools import chromium, lab

# No time limit for one example, since other programs may use the cores; the same examples everywhere, so that red
# means a change.
hypothesis.settings.register_profile("course", deadline=None, derandomize=True)
hypothesis.settings.load_profile("course")

ROOT = Path(__file__).parent.parent
OpenNotebook = Callable[[str], AbstractContextManager[lab.Notebook]]


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Tiny networks are faster on one thread, and far faster where other programs use the cores as well."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser. On a CI machine its absence is a failure; elsewhere the browser tests are skipped."""
    path = chromium.find()
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(chromium.MISSING)
    return path


@pytest.fixture(scope="module")  # not the session: while it is open, its event loop would stop nbval's
def open_notebook(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenNotebook]:
    """``with open_notebook("notebooks/x.ipynb") as notebook``: a copy of the notebooks in JupyterLab in Chromium.

    The served folder is ``open_notebook.root``, for a test that brings a notebook of its own.
    """
    with served(chromium_path, tmp_path_factory.mktemp("served")) as opener:
        yield opener


@contextmanager
def served(chromium_path: str, root: Path, *, subshells: bool = True) -> Iterator[OpenNotebook]:
    shutil.copytree(ROOT / "notebooks", root / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    with lab.jupyterlab(root, subshells=subshells) as url, lab.chromium(chromium_path) as browser:
        opener = partial(lab.opened, browser, url)
        opener.root = root  # type: ignore[attr-defined]
        yield opener
