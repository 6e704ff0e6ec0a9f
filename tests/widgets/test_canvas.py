"""The canvas without a browser: what Python does with it, and what a browser may send."""

import io
from typing import Any

import pytest
import torch
import traitlets
from PIL import Image

from course_lib.constraints import L2Ball
from course_lib.datasets.strokes import Ellipse, Rectangle, Stroke, image_of, layer
from course_lib.pgd import Problem
from course_lib.widgets import Canvas, Player, controls
from course_lib.widgets.canvas import address, content_of
from course_lib.widgets.screen import parts
from tests.tools.demos import PATIENCE

SIZE = 16
BOX, DISC = Rectangle(2, 2, 8, 8, "#ff0000"), Ellipse(6, 6, 14, 14, "#0000ff")


def by_hand(canvas: Canvas, *layers: bytes, depth: int | None = None) -> None:
    """What a browser does at the end of each stroke: it sends the newest layer and how many steps can be undone."""
    for png in layers:
        canvas.set_state({"state": [address(png), canvas.state[1] + 1 if depth is None else depth]})


def seen(canvas: Canvas) -> list[bytes]:
    values: list[bytes] = []
    canvas.observe(lambda change: values.append(change.new), "value")
    return values


def recoded(png: bytes) -> bytes:
    """The same pixels, compressed otherwise, as a browser does it."""
    stream = io.BytesIO()
    Image.open(io.BytesIO(png)).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def test_drawing_is_what_python_draws() -> None:
    canvas = Canvas(SIZE)
    assert (canvas.value, canvas.revision) == (b"", 0)
    canvas.draw(BOX)
    canvas.draw(DISC, Stroke([(1, 1), (15, 3)], 2))
    assert canvas.value == layer([BOX, DISC, Stroke([(1, 1), (15, 3)], 2)], SIZE)
    assert canvas.revision == 2


def test_undo_and_clear_go_step_by_step() -> None:
    canvas = Canvas(SIZE)
    canvas.undo()  # there is nothing to undo
    canvas.clear()
    assert canvas.revision == 0
    canvas.draw(BOX)
    canvas.draw(DISC)
    canvas.clear()
    assert canvas.value == b""
    canvas.undo()
    assert canvas.value == layer([BOX, DISC], SIZE)
    canvas.undo()
    assert canvas.value == layer([BOX], SIZE)
    canvas.draw(DISC)
    canvas.undo()
    assert canvas.value == layer([BOX], SIZE)
    canvas.undo()
    assert (canvas.value, canvas.state) == (b"", ("", 0))
    assert canvas.revision == 8


def test_a_stroke_by_hand_changes_the_value_once() -> None:
    canvas, one, two = Canvas(SIZE), layer([BOX], SIZE), layer([BOX, DISC], SIZE)
    values = seen(canvas)
    by_hand(canvas, recoded(one), two, recoded(two))
    assert values == [one, two]  # equal pixels are equal bytes, and no change
    assert canvas.revision == 2
    canvas.undo()
    assert canvas.value == one


def test_the_browser_undoes_and_python_goes_on_from_there() -> None:
    canvas, one, two = Canvas(SIZE), layer([BOX], SIZE), layer([BOX, DISC], SIZE)
    by_hand(canvas, one, two)
    by_hand(canvas, one, depth=1)
    assert canvas.value == one
    canvas.draw(DISC)
    assert canvas.value == two
    canvas.undo()
    canvas.undo()
    assert canvas.value == b""


def test_strokes_drawn_while_the_kernel_was_busy_come_as_one() -> None:
    """The browser sends only the newest layer then, but it has counted all of them."""
    canvas, one, two = Canvas(SIZE), layer([BOX], SIZE), layer([BOX, DISC], SIZE)
    by_hand(canvas, one)
    by_hand(canvas, two, depth=4)
    assert canvas.value == two
    canvas.undo()
    assert (canvas.value, canvas.state[1]) == (one, 3)
    canvas.undo()
    assert canvas.value == b""


def test_a_browser_that_came_later_asks_python_to_undo() -> None:
    canvas = Canvas(SIZE)
    canvas.draw(BOX)
    canvas._handle_custom_msg("undo", [])
    assert canvas.value == b""


def test_a_new_picture_clears_the_strokes_and_their_past() -> None:
    first, second = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    canvas = Canvas(SIZE, picture=first)
    canvas.draw(BOX)
    canvas.picture = second[None]
    assert (canvas.value, canvas.state) == (b"", ("", 0))
    assert torch.equal(canvas.picture, second[None])
    assert (image_of(content_of(canvas.background), SIZE) - second).abs().max() < 0.51 / 255
    canvas.undo()
    assert canvas.value == b""
    canvas.picture = None
    assert canvas.background == ""


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "size": ({"size": 0}, "a size of 1 to 1024 pixels, got 0"),
    "paints": ({"paints": "oil"}, "a canvas that paints colours or mask, got 'oil'"),
    "picture": ({"picture": torch.zeros(3, 8, 8)}, "a picture"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_canvas_says_so(name: str) -> None:
    options, words = BAD[name]
    with pytest.raises(ValueError, match=rf"^expected {words}"):
        Canvas(**{"size": SIZE} | options)


@pytest.mark.parametrize("value", [b"GIF89a", layer([BOX], 2 * SIZE), 5])
def test_a_wrong_value_says_so_and_changes_nothing(value: Any) -> None:
    canvas = Canvas(SIZE)
    canvas.draw(BOX)
    with pytest.raises(ValueError, match=r"^expected a drawing"):
        canvas.value = value
    assert canvas.value == layer([BOX], SIZE)


HOSTILE = {
    "no address": ["https://course.invalid/x.png", 1],
    "no PNG": [address(b"GIF89a"), 1],
    "wrong size": [address(layer([BOX], 2 * SIZE)), 1],
    "below": ["", -1],
    "beyond": ["", 10**12],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_browser_sends_wrongly_is_refused(name: str) -> None:
    canvas = Canvas(SIZE)
    canvas.draw(BOX)
    with pytest.raises(traitlets.TraitError, match=r"^expected a"):
        canvas.set_state({"state": HOSTILE[name]})
    assert canvas.value == layer([BOX], SIZE)
    assert canvas.state[1] == 1
    canvas.undo()
    assert canvas.value == b""


def make(drawing: bytes, epsilon: float) -> dict[str, Problem]:
    start = image_of(drawing, SIZE)
    weights = {"robust": 1.0, "standard": 3.0}
    return {
        name: Problem(lambda x, w=weight: w * (x - 0.5).square().flatten(1).sum(1), start, L2Ball(epsilon), steps=4)
        for name, weight in weights.items()
    }


def test_a_canvas_is_a_control_of_a_player() -> None:
    canvas = Canvas(SIZE)
    player = Player(make, drawing=canvas, epsilon=controls.epsilon(2.0))
    player._worker.wait(PATIENCE)
    by_hand(canvas, layer([BOX], SIZE))
    one = player.wait(PATIENCE)
    assert torch.equal(one["robust"].problem.start, image_of(layer([BOX], SIZE), SIZE))
    canvas.draw(DISC)
    assert torch.equal(player.wait(PATIENCE)["robust"].problem.start, image_of(layer([BOX, DISC], SIZE), SIZE))
    canvas.undo()
    assert player.wait(PATIENCE) is one
    assert "from memory" in player._screen.status.value


def test_reset_clears_the_canvas_and_undo_brings_the_drawing_back() -> None:
    canvas = Canvas(SIZE)
    player = Player(make, drawing=canvas, epsilon=controls.epsilon(2.0))
    canvas.draw(BOX)
    player.wait(PATIENCE)
    player.reset()
    player._worker.wait(PATIENCE)
    assert canvas.value == b""
    assert "Ready" in player._screen.status.value
    canvas.undo()
    assert torch.equal(player.wait(PATIENCE)["robust"].problem.start, image_of(layer([BOX], SIZE), SIZE))


def test_a_canvas_stands_beside_the_pictures_with_a_label() -> None:
    drawing, mask = Canvas(SIZE), Canvas(SIZE, paints="mask", label="what may change")
    players = [Player(make, drawing=canvas, epsilon=controls.epsilon(2.0)) for canvas in (drawing, mask)]
    for player, canvas, words in zip(players, (drawing, mask), ("drawing", "what may change"), strict=True):
        assert canvas.description == words
        places = {name: part for part in parts(player.widget) for name in getattr(part, "_dom_classes", ())}
        assert places["drawing"].children == (canvas,)
        assert canvas not in places["controls"].children
        player._worker.wait(PATIENCE)
