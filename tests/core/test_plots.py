"""Figures are returned, never shown, and always come with alternative text."""

import base64
import io
import itertools
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from course_lib import plots
from tests.tools import tiny

IMAGES = tiny.images(3)


@pytest.fixture(autouse=True)
def _no_global_state():
    """Nothing is left in pyplot, which would keep every figure alive and show it a second time."""
    yield
    assert plt.get_fignums() == []


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axis in figure.axes for text in axis.texts]


def test_a_grid_has_rows_with_names_titles_and_texts_below():
    rows = {"start": IMAGES, "robust": IMAGES[:2]}
    figure = plots.grid(rows, titles=["a", "b", "c"], below={"robust": ["90%", "80%"]})
    assert isinstance(figure, Figure)
    assert [len(axis.images) for axis in figure.axes] == [1, 1, 1, 1, 1, 0]
    assert [axis.get_title() for axis in figure.axes] == ["a", "b", "c", "", "", ""]
    assert sorted(texts(figure)) == ["80%", "90%", "robust", "start"]
    shown = figure.axes[1].images[0].get_array()
    assert (shown == plots.to_uint8(IMAGES)[1]).all()


def test_titles_stand_above_the_first_complete_row():
    figure = plots.grid({"original": IMAGES[:1], "results": IMAGES}, titles=["a", "b", "c"])
    assert [axis.get_title() for axis in figure.axes] == ["", "", "", "a", "b", "c"]


def test_a_long_title_takes_two_lines_and_a_long_word_one():
    figure = plots.grid({"results": IMAGES}, titles=["to garbage truck", "to\ngas pump", "superconductivity"])
    assert [axis.get_title() for axis in figure.axes] == ["to garbage\ntruck", "to\ngas pump", "superconductivity"]


def test_a_picture_that_is_finer_than_the_figure_is_averaged_and_not_aliased():
    """Stripes of one pixel are grey from afar. Every so many pixels, one alone, would show broad stripes."""
    stripes = (torch.arange(448) % 2).float().expand(1, 3, 448, 448)
    figure = plots.grid({"": stripes}, size=2)
    place = figure.axes[0]
    figure.savefig(buffer := io.BytesIO(), format="png", dpi=100)
    left, bottom, width, height = place.get_window_extent().bounds
    with Image.open(buffer) as picture:
        box = (left + 9, picture.height - bottom - height + 9, left + width - 9, picture.height - bottom - 9)
        shown = np.asarray(picture.convert("L").crop(tuple(map(round, box))), dtype=float)
    assert shown.shape[1] > 150
    assert abs(shown.mean() - 127.5) < 2
    assert shown.std() < 13


@pytest.mark.parametrize("text", ["nothing", "golf\nball"])
def test_lines_below_pictures_and_above_take_nothing_of_their_width(text):
    figure = plots.grid(
        {"start": IMAGES, "robust": IMAGES}, titles=["cassette player"] * 3, below={"robust": [text] * 3}
    )
    figure.draw_without_rendering()
    axes = figure.axes[:3]
    for left, right in itertools.pairwise(axis.get_window_extent() for axis in axes):
        assert right.x0 - left.x1 < 0.15 * left.width


def test_a_grid_needs_neither_titles_nor_texts():
    assert texts(plots.grid({"start": IMAGES[:1]})) == ["start"]


def test_gradient_pictures_have_grey_for_zero_and_do_not_depend_on_the_scale():
    gradients = torch.zeros(2, 3, 8, 8)
    assert torch.equal(plots.gradient_pictures(gradients), torch.full_like(gradients, 0.5))
    gradients = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    pictures = plots.gradient_pictures(gradients)
    assert torch.equal((pictures - 0.5).abs().amax((1, 2, 3)), torch.tensor([0.5, 0.5]))
    assert torch.equal(pictures > 0.5, gradients > 0)
    scales = torch.tensor([1e-4, 50.0]).view(2, 1, 1, 1)
    torch.testing.assert_close(plots.gradient_pictures(scales * gradients), pictures)


def test_curves_keep_the_colour_and_line_style_of_a_model_and_label_each_line():
    series = {"robust": [3.0, 1.0], "standard, own settings": [3.0, 2.0, 2.0], "other": [1.0]}
    figure = plots.curves(series, label="loss")
    (axis,) = figure.axes
    looks = [(to_hex(line.get_color()).upper(), line.get_linestyle()) for line in axis.lines]
    assert looks == [(plots.ROBUST, "-"), (plots.STANDARD, "--"), (plots.PLAIN, ":")]
    assert [list(line.get_ydata()) for line in axis.lines] == list(series.values())
    assert texts(figure) == list(series)
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("step", "loss")


class Tags(HTMLParser):
    """Collects every tag of a piece of HTML with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("alt", ["a horse", 'loss < 3 & "robust"', "'><script>alert(1)</script>", "ε, δ"])
def test_a_described_figure_is_one_image_with_its_text_escaped(alt):
    shown = plots.described(plots.grid({"start": IMAGES[:1]}), alt, dpi=40)
    ((tag, attributes),) = Tags(shown.data).found
    assert tag == "img"
    assert attributes["alt"] == alt
    kind, data = attributes["src"].split(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data).startswith(b"\x89PNG")


LONG = "a name that is longer than its figure is wide, and would be cut off"
WIDE = {
    "a row's name": plots.grid({LONG[:30]: IMAGES[:3]}),
    "an axis": plots.curves({"robust": [0.0, 1.0]}, label=LONG, horizontal=LONG, size=(3, 2)),
    "a line's end": plots.curves({LONG[:30]: [0.0, 1.0]}, label="loss"),
}


@pytest.mark.parametrize("what", WIDE)
def test_nothing_that_is_written_in_a_figure_is_cut_off(what: str) -> None:
    """A letter that is cut touches the border of its picture."""
    ((_, attributes),) = Tags(plots.described(WIDE[what], "alt").data).found
    shown = np.array(Image.open(io.BytesIO(base64.b64decode(attributes["src"].split(",")[1]))).convert("L"))
    assert min(side.min() for side in (shown[0], shown[-1], shown[:, 0], shown[:, -1])) == 255


def test_lines_of_other_names_are_told_apart_without_colour():
    figure = plots.curves({name: [1.0, 2.0] for name in "abcd"}, label="loss")
    (axis,) = figure.axes
    looks = {(line.get_linestyle(), line._dash_pattern[1] and tuple(line._dash_pattern[1])) for line in axis.lines}
    assert len(looks) == 4
    assert len({line.get_color() for line in axis.lines}) == 4


@pytest.mark.parametrize("logarithmic", [False, True])
def test_names_at_the_ends_of_close_lines_do_not_overlap(logarithmic):
    ends = {"a": 0.5, "robust": 0.011, "b": 0.0, "standard": 0.0, "c": 0.01, "d": 4.0}
    figure = plots.curves({name: [3.0, 2.0, end] for name, end in ends.items()}, label="loss", logarithmic=logarithmic)
    figure.draw_without_rendering()
    (axis,) = figure.axes
    assert texts(figure) == list(ends)
    boxes = sorted((text.get_window_extent() for text in axis.texts), key=lambda box: box.y0)
    assert all(below.y1 <= above.y0 + 4 for below, above in itertools.pairwise(boxes))  # 4 pixels of empty border
    heights = {text.get_text(): text.get_window_extent().y0 for text in axis.texts}
    assert sorted(heights, key=heights.__getitem__) == sorted(
        ends, key=lambda name: (ends[name], list(ends).index(name))
    )
