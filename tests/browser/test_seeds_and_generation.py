"""Notebooks 03 and 04 as a person uses them: the sliders of the seeds, and a seed drawn by hand."""

import pytest

from course_lib import testbeds
from tests.conftest import OpenNotebook
from tests.tools import lab
from tests.tools.hand import Hand
from tests.tools.parts import running

pytestmark = pytest.mark.browser


def test_a_person_moves_the_seed_number_and_the_radius(open_notebook: OpenNotebook) -> None:
    cells = ("setup", "seeds", "player-problem", "player")
    with running(open_notebook, "03_seed_distributions", *cells) as notebook:
        notebook.move("random seed", ["ArrowRight"], 1.0)
        radius = testbeds.load("imagenette-128").tuned["generate"]["ball"].radius
        notebook.move("ε (radius)", ["ArrowLeft"], radius - 0.5)
        notebook.show_player("_moved")


def test_a_person_draws_a_seed_and_both_models_start_from_it(open_notebook: OpenNotebook) -> None:
    cells = ("setup", "procedural-predict", "procedural-code", "canvas-problem", "canvas")
    with running(open_notebook, "04_generation", *cells, shows="canvas = Canvas(") as notebook:
        before = notebook.pictures(lab.PLAYED)
        hand = Hand(notebook, "your seed")
        revision = hand.revision
        hand.drag((8, 12), (20, 16), (30, 10))
        hand.wait_for_revision(revision + 1)
        notebook.wait_for_change(before, lab.PLAYED)
        notebook.wait_for_status("Done")
        notebook.show_player("_drawn")
