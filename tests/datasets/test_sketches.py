"""The sketches that ship: what they show, at every resolution, and that the code beside them draws them."""

import json
import runpy

import pytest
import torch

from course_lib.datasets import sketches
from course_lib.datasets.picturebook import CLASSES
from course_lib.datasets.strokes import Stroke, image_of
from course_lib.storage.files import DATA
from course_lib.widgets import Canvas, shelf

ALL = sketches.load()


def test_there_are_two_for_each_class_with_names_of_their_own() -> None:
    assert [sketch.shows for sketch in ALL] == [name for name in CLASSES for _ in range(2)]
    assert len({sketch.name for sketch in ALL}) == len(ALL)


def test_the_file_is_what_the_code_beside_it_draws() -> None:
    drawn = runpy.run_path(str(DATA / "sketches" / "draw.py"))["sketches"]()
    assert json.loads(sketches.FILE.read_text()) == json.loads(json.dumps(drawn))


@pytest.mark.parametrize("sketch", ALL, ids=lambda sketch: sketch.name)
def test_it_fits_every_resolution(sketch: sketches.Sketch) -> None:
    small, large = sketch.image(32), sketch.image(96)
    assert (small.shape, large.shape) == ((1, 3, 32, 32), (1, 3, 96, 96))
    shrunk = torch.nn.functional.avg_pool2d(large, 3)
    assert (small - shrunk).abs().mean() < 0.05
    assert sum(isinstance(shape, Stroke) for shape in sketch.shapes(32)) >= 3


@pytest.mark.parametrize("sketch", ALL, ids=lambda sketch: sketch.name)
def test_it_has_an_outline_that_is_drawn_over_its_colours_and_those_over_a_background(sketch: sketches.Sketch) -> None:
    whole = sketch.shapes(64)
    assert whole == [shape for part in sketches.PARTS for shape in sketch.shapes(64, parts=[part])]
    covered = [(sketch.image(64, parts=[part]) < 0.98).any(1).float().mean().item() for part in sketches.PARTS]
    assert covered[0] > 0.4, "the background"
    assert 0.03 < covered[2] < 0.5, "the outline"


def test_menus_put_a_sketch_or_a_part_of_it_on_the_canvas() -> None:
    canvas = Canvas(32)
    which, look = shelf(canvas, ALL[4]).children
    assert torch.equal(image_of(canvas.value, 32), ALL[4].image(32))
    look.value = ("line",)
    assert torch.equal(image_of(canvas.value, 32), ALL[4].image(32, parts=["line"]))
    which.value = ALL[9]
    assert torch.equal(image_of(canvas.value, 32), ALL[9].image(32, parts=["line"]))
    which.value = None
    assert canvas.value == b""
    canvas.undo()
    assert torch.equal(image_of(canvas.value, 32), ALL[9].image(32, parts=["line"]))
