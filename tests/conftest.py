"""What every test shares."""

from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest
import torch
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.tools import lab, programs

# No time limit for one example, since other programs may use the cores; the same examples everywhere, so that red
# means a change.
hypothesis.settings.register_profile("course", deadline=None, derandomize=True)
hypothesis.settings.load_profile("course")
hypothesis.settings.register_profile(  # `make mutants` asks whether anything fails, and not for the smallest example
    "mutants", max_examples=20, phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate)
)
torch.set_num_threads(1)  # tiny networks are faster so, and far faster where other programs use the cores as well

ROOT = Path(__file__).parent.parent
OpenNotebook = lab.OpenNotebook
WIDEST = 120  # characters of a printed line, as of a line of code


class Files(LoadFileScheduling):
    """Each worker takes a file at a time; the files that share a browser count as one."""

    def _split_scope(self, nodeid: str) -> str:
        return "tests/browser" if nodeid.startswith("tests/browser/") else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Files:
    return Files(config, log)


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Problem sets get kernels of their own in `make test-full` alone: tests/checks runs them in its own process."""
    for item in items:
        if item.path.is_relative_to(ROOT / "notebooks" / "exercises"):
            item.add_marker("full")


class Printed:
    """What a notebook prints fits on a projector: JupyterLab breaks longer lines, and tables fall apart."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None]:
        yield
        outputs = getattr(item, "test_outputs", None) or ()  # a cell's, when nbval has run it
        lines = "".join(one.get("text", "") for one in outputs if one["output_type"] == "stream").splitlines()
        if wide := [line for line in lines if len(line) > WIDEST]:
            pytest.fail(f"expected printed lines of at most {WIDEST} characters; got {len(wide[0])}: {wide[0]}")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Printed())  # hooks of this file itself see no cell: notebooks lie outside its folder


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser."""
    return programs.needed(programs.chromium(), programs.NO_CHROMIUM)
