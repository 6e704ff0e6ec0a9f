"""Widgets as pictures: what a page that is only read gets of a demo."""

import base64
import io
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

from course_lib.constraints import L2Ball
from course_lib.datasets.strokes import Rectangle
from course_lib.pgd import Problem, solve
from course_lib.pixels import to_uint8
from course_lib.widgets import Canvas, Evolve, Player, controls
from course_lib.widgets.still import NOTE, bundle, load_ipython_extension
from tests.tools.demos import PATIENCE, status

START = torch.full((2, 3, 8, 8), 0.5)
TARGET = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def make(epsilon: float, steps: int, drawing: bytes = b"") -> dict[str, Problem]:
    def loss(images: torch.Tensor) -> torch.Tensor:
        return (images - TARGET).square().flatten(1).sum(1)

    return {n: Problem(loss, START, L2Ball(epsilon), steps=steps, step_size=0.4) for n in ("robust", "standard")}


def sliders() -> dict[str, Any]:
    return {"epsilon": controls.epsilon(2.5), "steps": controls.steps(6)}


def page(shown: Any) -> str:
    return bundle(getattr(shown, "widget", shown))["text/html"]


def pictures(text: str) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


def said(text: str) -> str:
    """The text of a page without its tags and style."""
    return " ".join(re.sub(r"<[^>]*>", " ", re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)).split())


def test_a_player_leaves_the_end_of_its_run() -> None:
    text = page(Player(make, **sliders()))
    end = to_uint8(solve(make(2.5, 6)["robust"]))
    shown = pictures(text)
    assert len(shown) == 2  # robust and standard, the same here
    assert all(np.array_equal(picture[:, :8], end[0]) and np.array_equal(picture[:, 9:], end[1]) for picture in shown)
    assert "ε (radius) 2.5 steps 6 Done: 6 steps" in said(text)
    assert NOTE in text
    assert text.count("<svg role=") == 1
    assert "<script" not in text
    assert "<button" not in text


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


def test_menus_and_boxes_say_what_is_chosen() -> None:
    menu, tick = controls.menu("draw", [("zebra", 0), ("apple & pear", 1)], 1), widgets.Checkbox(True, description="on")
    assert said(page(widgets.HBox([menu, tick]))).startswith("draw apple &amp; pear on yes")


def test_the_extension_gives_every_displayed_widget_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comm, "create_comm", comm.create_comm)
    shell = SimpleNamespace(display_formatter=DisplayFormatter())
    load_ipython_extension(shell)
    for shown in (Player(make, **sliders()), controls.epsilon(3.0)):
        data, _ = shell.display_formatter.format(shown)
        assert "course-still" in data["text/html"]
        assert "application/vnd.jupyter.widget-view+json" not in data
    assert isinstance(widgets.IntSlider().comm, comm.DummyComm)
