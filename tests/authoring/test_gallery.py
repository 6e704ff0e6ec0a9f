"""The moving picture: what notebook 00 shows before anything is run, and the command that makes it."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

from course_lib.authoring import gallery
from course_lib.storage.files import RESULTS
from tests.conftest import ROOT

SHIPPED = RESULTS / "imagenette-128-moving.webp"
NOTEBOOK = ROOT / "notebooks" / "00_start_here.ipynb"


def decoded(path: Path) -> tuple[list[np.ndarray], list[int]]:
    """The pictures of an animation, and the milliseconds that each of them stays."""
    pictures, times = [], []
    with Image.open(path) as animation:
        for place in range(animation.n_frames):
            animation.seek(place)
            pictures.append(np.asarray(animation.convert("RGB")).astype(float))
            times.append(animation.info["duration"])
    return pictures, times


def test_the_notebook_shows_a_moving_picture_before_its_first_code() -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    first = next(place for place, cell in enumerate(cells) if cell.cell_type == "code")
    text = "\n".join(cell.source for cell in cells[:first])
    source, alt = re.search(r'<img src="([^"]+)" alt="([^"]+)"', text).groups()  # type: ignore[union-attr]
    assert (NOTEBOOK.parent / source).resolve() == SHIPPED
    assert "robust" in alt
    assert "standard" in alt


def test_the_picture_is_light_smooth_and_comes_to_rest() -> None:
    pictures, times = decoded(SHIPPED)
    assert SHIPPED.stat().st_size < 500_000
    assert len(pictures) >= 40
    assert max(times[1:-1]) <= 1000 / 15, "15 pictures a second"
    assert times[-1] >= 2000, "its end stays"
    with Image.open(SHIPPED) as animation:
        assert animation.info["loop"] == 2, "for readers whom motion disturbs it ends"
    robust, standard = np.split(np.abs(pictures[-1] - pictures[0])[gallery.BAND :], 2, axis=1)
    assert robust.mean() > 1.2 * standard.mean() > 0


def test_the_command_makes_it_from_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gallery.moving
    monkeypatch.setattr(gallery, "RESULTS", tmp_path)
    monkeypatch.setattr(gallery, "DRAWINGS", ())
    monkeypatch.setattr(gallery, "moving", lambda testbed: whole(testbed, steps=3))
    monkeypatch.setenv("TESTBED", "imagenette-128")
    gallery.gallery([])
    [path] = tmp_path.iterdir()
    pictures, times = decoded(path)
    assert path.name == SHIPPED.name
    assert len(pictures) == len(times) == 4
    assert np.abs(pictures[0] - decoded(SHIPPED)[0][0]).mean() < 12, "it starts where the shipped one starts"
    robust, standard = np.split(pictures[0], 2, axis=1)
    assert np.abs(robust - standard)[gallery.BAND :].mean() < 12, "both models start from the same noise"
    assert np.abs(pictures[-1] - pictures[0]).mean() > 20
