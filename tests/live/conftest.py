"""The engine of the live page in a browser."""

from collections.abc import Iterator

import pytest

from tests.tools import lab
from tests.tools.engine import Engine


@pytest.fixture(scope="module")
def engine(chromium_path: str) -> Iterator[Engine]:
    with lab.chromium(chromium_path) as browser:
        yield Engine(browser.new_page()).start()
