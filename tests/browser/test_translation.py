"""Translation as a person meets it: another pair, another network, a larger radius, other source pictures."""

import pytest

from tests.conftest import OpenNotebook
from tests.tools import lab
from tests.tools.parts import running

pytestmark = pytest.mark.browser


def test_a_person_moves_the_radius_the_seed_and_the_menus(open_notebook: OpenNotebook) -> None:
    with running(open_notebook, "06_translation", "setup", "tools", "player-problem", "player") as notebook:
        notebook.move("ε (radius)", ["ArrowLeft"], 15.5)
        notebook.move("seed", ["ArrowRight"], 1.0)
        said = notebook.page.locator(f"{lab.PLAYER} >> .said")
        for label, choice, words in (
            ("translate", "orange to apple", "network of 2 classes"),
            ("network", "of all classes", "network of 10 classes"),
        ):
            before = notebook.pictures(lab.PLAYED)
            notebook.page.get_by_label(label, exact=True).select_option(choice)
            notebook.wait_for_change(before, lab.PLAYED)
            notebook.wait_for_status("Done")
            assert said.filter(has_text=words).count() == 2
        notebook.show_player("_moved")
