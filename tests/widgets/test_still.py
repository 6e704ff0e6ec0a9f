"""Widgets for pages that are only read: what such a page gets of a demo."""

import base64
import io
import json
import re
from types import SimpleNamespace
from typing import Any

import comm
import ipywidgets as widgets
import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from PIL import Image

from course_lib import pgd
from course_lib.constraints import L2Ball
from course_lib.datasets.strokes import Rectangle
from course_lib.pgd import Problem
from course_lib.pixels import to_uint8
from course_lib.widgets import LOSS, BlindTest, Canvas, Evolve, Player, controls
from course_lib.widgets.still import FRAMES, NOTE, bundle, load_ipython_extension
from tests.tools.demos import PATIENCE, status

START = torch.full((2, 3, 8, 8), 0.5)
TARGET = torch.rand(2, 3, 1, 1, generator=torch.Generator().manual_seed(0)).expand(2, 3, 8, 8)


def make(epsilon: float, steps: int, drawing: bytes = b"") -> dict[str, Problem]:
    def loss(images: torch.Tensor) -> torch.Tensor:
        return (images - TARGET).square().flatten(1).sum(1)

    return {n: Problem(loss, START, L2Ball(epsilon), steps=steps, step_size=0.4) for n in ("robust", "standard")}


def sliders() -> dict[str, Any]:
    return {"epsilon": controls.epsilon(2.5), "steps": controls.steps(6)}


def page(shown: Any) -> str:
    return bundle(getattr(shown, "widget", shown))["text/html"]


def pictures(text: str) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/(?:png|webp);base64,([^"]+)"', text)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


def said(text: str) -> str:
    """The text of a page without its tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


def test_a_player_leaves_the_frames_of_its_run() -> None:
    text = page(Player(make, **sliders()))
    strips = pictures(text)
    assert len(strips) == 2  # robust and standard, the same here
    assert [strip.shape for strip in strips] == [(7 * 8, 17, 3)] * 2
    for frame in pgd.frames(make(2.5, 6)["robust"]):
        first, second = to_uint8(frame.images).astype(int)
        for strip in strips:
            shown = strip[8 * frame.step : 8 * frame.step + 8]
            assert abs(shown[:, :8] - first).mean() < 8
            assert abs(shown[:, 9:] - second).mean() < 8
    losses = [LOSS.write(frame.losses.mean().item()) for frame in pgd.frames(make(2.5, 6)["robust"])]
    assert re.findall(r"loss, mean of 2</span><b>([\d.]+)", text) == [*reversed(losses)] * 2
    assert 'data-steps="[0, 1, 2, 3, 4, 5, 6]"' in text
    assert "ε (radius) 2.5 steps 6 Done: 6 steps" in said(text)
    assert NOTE in text
    assert text.count("<svg role=") == 1
    assert "<script" not in text
    assert "<button" not in text


def test_of_a_long_run_only_some_frames_are_left() -> None:
    text = page(Player(make, epsilon=controls.epsilon(2.5), steps=controls.steps(55)))
    steps = json.loads(re.findall(r'data-steps="([^"]+)"', text)[0])
    assert len(steps) == FRAMES
    assert (steps[0], steps[-1]) == (0, 55)
    assert text.count("--frames: 12") == 2


def test_a_divided_sheet_is_two_pictures_beside_each_other() -> None:
    text = page(Player(make, names=("robust", "standard"), divider=50, parts=("before", "after"), **sliders()))
    assert [strip.shape for strip in pictures(text)] == [(7 * 8, 17, 3)] * 2
    assert "before after" in said(text)


def test_afterwards_the_demo_is_as_if_nobody_had_run_it() -> None:
    player = Player(make, **sliders())
    page(player)
    player._worker.wait(PATIENCE)
    assert not player.has_run
    assert status(player).endswith("Ready. Move a control, or press Run.</span>")
    with pytest.raises(RuntimeError, match="finished run"):
        player.wait()


def test_a_demo_that_was_run_is_shown_as_it_is() -> None:
    player = Player(make, **sliders())
    player.run(epsilon=1.0, steps=3)
    runs = player.wait(PATIENCE)
    assert "ε (radius) 1.0 steps 3 Done: 3 steps" in said(page(player))
    assert player.wait() is runs
    assert player.has_run


def test_what_ends_a_run_ends_the_cell() -> None:
    def broken(**_: Any) -> dict[str, Problem]:
        raise ValueError("no such class")

    with pytest.raises(ValueError, match="no such class"):
        page(Player(broken, **sliders()))


def test_a_demo_inside_other_widgets_is_found() -> None:
    player = Player(make, **sliders())
    upload = widgets.FileUpload(description="your picture")
    text = page(widgets.VBox([upload, player.widget]))
    assert "Done: 6 steps" in text
    assert "your picture" not in text


def test_a_demo_with_presets_leaves_its_first_settings() -> None:
    player = Player(make, presets={"far": {"epsilon": 9.0}}, **sliders())
    assert "ε (radius) 2.5 steps 6 Done: 6 steps" in said(page(player))


def test_an_evolving_demo_leaves_where_it_comes_to() -> None:
    assert "Paused at step 12" in said(page(Evolve(make, most=12, **sliders())))


@pytest.mark.parametrize("drawn", [False, True])
def test_a_canvas_leaves_what_is_drawn_over_its_picture(drawn: bool) -> None:
    canvas = Canvas(8, picture=torch.zeros(3, 8, 8), label="your <drawing>")
    if drawn:
        canvas.draw(Rectangle(2, 2, 6, 6, colour="#ff0000"))
    text = page(canvas)
    (picture,) = pictures(text)
    expected = np.zeros((8, 8, 3), np.uint8)
    expected[2:6, 2:6, 0] = 255 * drawn
    assert np.array_equal(picture, expected)
    words = "with strokes on it" if drawn else "nothing drawn yet"
    assert re.search(rf'alt="your &lt;drawing&gt;, {words}"', text)


def test_a_mask_is_hatched_and_not_black() -> None:
    canvas = Canvas(8, picture=torch.zeros(3, 8, 8), paints="mask")
    canvas.draw(Rectangle(0, 0, 8, 4))
    (picture,) = pictures(page(canvas))
    assert {tuple(pixel) for row in picture[:4] for pixel in row.tolist()} == {(255, 255, 255), (60, 110, 160)}
    assert not picture[4:].any()


def test_a_blind_test_leaves_its_first_picture_and_question() -> None:
    text = page(BlindTest({"robust": START, "real": 1 - START}, torch.tensor([0, 1]), ["dog", "church"]))
    (shown,) = pictures(text)
    assert np.array_equal(shown, to_uint8(START)[0])
    assert "Picture 1 of 4" in said(text)
    assert "{" not in said(text), "no style is shown"


def test_menus_and_boxes_say_what_is_chosen() -> None:
    menu, tick = controls.menu("draw", [("zebra", 0), ("apple & pear", 1)], 1), widgets.Checkbox(True, description="on")
    assert said(page(widgets.HBox([menu, tick]))).startswith("draw apple &amp; pear on True")


def test_the_extension_gives_every_displayed_widget_html(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comm, "create_comm", comm.create_comm)
    shell = SimpleNamespace(display_formatter=DisplayFormatter())
    load_ipython_extension(shell)
    for shown in (Player(make, **sliders()), controls.epsilon(3.0)):
        data, _ = shell.display_formatter.format(shown)
        assert "course-still" in data["text/html"]
        assert "application/vnd.jupyter.widget-view+json" not in data
    assert isinstance(widgets.IntSlider().comm, comm.DummyComm)
