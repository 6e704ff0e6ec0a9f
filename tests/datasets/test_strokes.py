"""Drawings without a browser, against many points in every pixel, each asked whether it lies inside the shape."""

import io
import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from course_lib.datasets.strokes import ERASER, Ellipse, Rectangle, Shape, Stroke, image_of, layer, mask_of

SIZE, FINE = 32, 8
place = st.floats(-10, 42, width=32)
width = st.floats(0.5, 12, width=32)
radius = st.floats(0.5, 25, width=32)
X = ((torch.arange(SIZE * FINE) + 0.5) / FINE).expand(SIZE * FINE, -1)
Y = X.T


def mask(*shapes: Shape) -> torch.Tensor:
    return mask_of(layer(shapes, SIZE), SIZE)[0, 0] > 0.5


def png(width: int, height: int, mode: str = "RGBA") -> bytes:
    stream = io.BytesIO()
    Image.new(mode, (width, height)).save(stream, "PNG")
    return stream.getvalue()


def test_a_rectangle_covers_the_pixels_between_its_edges_and_no_others() -> None:
    expected = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    expected[4:20, 10:13] = True
    assert torch.equal(mask(Rectangle(10, 4, 13, 20)), expected)
    assert torch.equal(mask(Rectangle(-5, -5, 40, 40)), torch.ones(SIZE, SIZE, dtype=torch.bool))


def drawn_well(shape: Shape, inside: torch.Tensor) -> None:
    exact = torch.nn.functional.avg_pool2d(inside[None].float(), FINE)[0]
    try:
        cover = 1 - image_of(layer([shape], SIZE), SIZE)[0, 0]
    except ValueError:
        assert exact.sum() < 0.5  # it cannot be seen
        return
    assert (cover - exact).abs().max() < 0.4
    if (exact == 1).sum() > 50:
        assert torch.minimum(cover, exact).sum() > 0.93 * torch.maximum(cover, exact).sum()


@given(left=place, top=place, across=radius, down=radius)
def test_an_ellipse_is_what_its_equation_says(left: float, top: float, across: float, down: float) -> None:
    u, v = (X - left) / across - 1, (Y - top) / down - 1
    drawn_well(Ellipse(left, top, left + 2 * across, top + 2 * down), u * u + v * v < 1)


@settings(max_examples=40)
@given(points=st.lists(st.tuples(place, place), min_size=1, max_size=5), width=width)
def test_a_stroke_covers_what_is_within_half_its_width(points: list[tuple[float, float]], width: float) -> None:
    """The oracle walks along the stroke in small steps."""
    nearest = torch.full_like(X, math.inf)
    for start, end in zip(points, points[1:] or points, strict=False):
        for share in torch.linspace(0, 1, 120):
            px, py = (a + share * (b - a) for a, b in zip(start, end, strict=True))
            nearest = torch.minimum(nearest, (X - px) ** 2 + (Y - py) ** 2)
    drawn_well(Stroke(points, width), nearest.sqrt() < width / 2)


def test_edges_are_soft_colours_are_exact_and_a_mask_has_what_is_painted_by_more_than_half() -> None:
    drawn = layer([Rectangle(4.25, 4, 10.25, 10, "#204060")], SIZE)
    image = image_of(drawn, SIZE)
    colour = torch.tensor([0x20, 0x40, 0x60]) / 255
    assert torch.allclose(image[0, :, 6, 6], colour)
    assert torch.allclose(image[0, :, 6, 4], 0.25 + 0.75 * colour, atol=0.01)
    assert torch.allclose(image[0, :, 6, 10], 0.75 + 0.25 * colour, atol=0.01)
    assert (image[0, :, 6, 2] == 1).all()
    assert torch.equal(mask_of(drawn, SIZE)[0, 0] == 1, mask(Rectangle(4, 4, 10, 10)))


def test_later_shapes_lie_over_earlier_ones_and_the_eraser_takes_both_away() -> None:
    red, blue = Rectangle(2, 2, 20, 20, "#ff0000"), Ellipse(8, 8, 28, 28, "#0000ff")
    image = image_of(layer([red, blue], SIZE), SIZE)
    assert image[0, :, 15, 15].tolist() == [0, 0, 1]
    assert image[0, :, 4, 4].tolist() == [1, 0, 0]
    assert torch.equal(image_of(layer([blue], SIZE, onto=layer([red], SIZE)), SIZE), image)
    hole = mask(red, blue, Rectangle(10, 10, 14, 14, ERASER))
    assert hole.sum() == mask(red, blue).sum() - 16
    assert layer([red, blue, Rectangle(0, 0, 32, 32, ERASER)], SIZE) == b""


def test_nothing_drawn_is_no_mask_and_leaves_the_picture_as_it_is() -> None:
    picture = torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    assert layer([], SIZE) == b""
    assert mask_of(b"", SIZE).shape == (1, 1, SIZE, SIZE)
    assert mask_of(b"", SIZE).sum() == 0
    assert torch.equal(image_of(b"", SIZE, picture), picture[None])
    assert torch.equal(image_of(b"", SIZE), torch.ones(1, 3, SIZE, SIZE))
    above = image_of(layer([Rectangle(0, 0, 16, 32)], SIZE), SIZE, picture)
    assert torch.equal(above[0, :, :, 16:], picture[:, :, 16:])
    assert above[0, :, :, :16].abs().max() == 0


def test_equal_drawings_give_equal_bytes() -> None:
    shapes = [Stroke([(3, 3), (20, 25)], 5, "#ff8c1a"), Rectangle(0, 0, 16, 32, ERASER)]
    assert layer(shapes, SIZE) == layer(shapes, SIZE)
    halves = [Rectangle(0, 0, 20, 20, "#ff8c1a"), Rectangle(10, 0, 20, 20, ERASER)]
    assert layer(halves, SIZE) == layer([Rectangle(0, 0, 10, 20, "#ff8c1a")], SIZE)


BAD: dict[str, tuple[Callable[[], object], str]] = {
    "no points": (lambda: Stroke([]), "at least one point of a stroke, got none"),
    "NaN": (lambda: Rectangle(0, math.nan, 3, 3), "finite coordinates in pixels, got nan in a Rectangle"),
    "infinite": (lambda: Stroke([(0, 0), (math.inf, 0)]), "finite coordinates in pixels, got inf in a Stroke"),
    "huge": (lambda: Stroke([(0, 1e9)]), "finite coordinates in pixels, got 1000000000.0"),
    "no width": (lambda: Stroke([(0, 0)], 0), "a stroke with a width above 0, got 0"),
    "turned": (lambda: Ellipse(5, 0, 3, 3), "left < right and top < bottom, got Ellipse"),
    "colour": (lambda: Stroke([(0, 0)], 3, "red"), "a colour like #1f77b4, got 'red'"),
    "outside": (lambda: layer([Rectangle(64, 0, 70, 9)], SIZE), "seen in the picture of 32 x 32 pixels, got Rect"),
    "above": (lambda: layer([Stroke([(3, -9)])], SIZE), "seen in the picture of 32 x 32 pixels, got Stroke"),
    "size": (lambda: mask_of(b"", 0), "a size of 1 to 1024 pixels, got 0"),
    "no PNG": (lambda: mask_of(b"<svg/>", SIZE), "a drawing as PNG, got 6 bytes that are none"),
    "cut off": (lambda: mask_of(layer([Ellipse(1, 1, 30, 30)], SIZE)[:-30], SIZE), "a drawing as PNG, got"),
    "wrong size": (lambda: image_of(png(30, 32), SIZE), "a drawing of 32 x 32 pixels, got 30 x 32"),
    "bomb": (lambda: image_of(png(20_000, 20_000, "1"), SIZE), "a drawing"),
    "picture's shape": (lambda: image_of(b"", SIZE, torch.zeros(3, 8, 8)), r"a picture \(3, 32, 32\), got shape"),
    "picture's range": (lambda: image_of(b"", SIZE, torch.full((3, 32, 32), 2.0)), r"a picture of floats in \[0, 1\]"),
    "picture's NaN": (lambda: image_of(b"", SIZE, torch.full((3, 32, 32), math.nan)), r"a picture of floats in"),
    "picture's type": (lambda: image_of(b"", SIZE, torch.zeros(3, 32, 32, dtype=torch.uint8)), "got torch.uint8"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gives_one_clear_sentence(name: str) -> None:
    act, words = BAD[name]
    with pytest.raises(ValueError, match=rf"^expected .*{words}") as caught:
        act()
    assert "\n" not in str(caught.value)
