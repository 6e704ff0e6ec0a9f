"""One browser and one JupyterLab for all files of this folder."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.tools import lab


@pytest.fixture(scope="package")  # not the session: while it is open, its event loop would stop nbval's
def browser(chromium_path: str) -> Iterator[Browser]:
    with lab.chromium(chromium_path) as browser:
        yield browser


@pytest.fixture(scope="package")
def open_notebook(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[lab.OpenNotebook]:
    with lab.served(browser, tmp_path_factory.mktemp("served")) as open_notebook:
        yield open_notebook
