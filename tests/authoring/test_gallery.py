"""The pictures of README and data/results: the command that draws them, and what they are made of."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from course_lib import testbeds
from course_lib.authoring import gallery
from course_lib.datasets import photographs
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


def test_the_notebook_shows_every_task_and_a_moving_picture_before_its_first_code() -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    first = next(place for place, cell in enumerate(cells) if cell.cell_type == "code")
    text = "\n".join(cell.source for cell in cells[:first])
    shown = {Path(source).name: alt for source, alt in re.findall(r'<img src="([^"]+)" alt="([^"]+)"', text)}
    assert [*shown] == ["every-task.webp", SHIPPED.name]
    assert all("robust" in alt and "standard" in alt for alt in shown.values())


def test_the_readme_opens_with_every_task_and_then_the_largest_pictures() -> None:
    shown = [Path(source).stem for source in re.findall(r"!\[[^]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text())]
    assert shown[:4] == ["live", "every-task", "imagenette-224-generation", "photographs"]


def test_the_picture_is_light_smooth_and_comes_to_rest() -> None:
    pictures, times = decoded(SHIPPED)
    assert SHIPPED.stat().st_size < 600_000
    assert len(pictures) >= 40
    assert max(times[1:-1]) <= 1000 / 15, "15 pictures a second"
    assert times[-1] >= 2000, "its end stays"
    with Image.open(SHIPPED) as animation:
        assert animation.info["loop"] == 2, "for readers whom motion disturbs it ends"
    robust, standard = np.split(np.abs(pictures[-1] - pictures[0])[gallery.BAND :], 2, axis=1)
    assert robust.mean() > 1.2 * standard.mean() > 0


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pictures are drawn, without steps, on a machine that has no data set and no network."""

    def no_data(*_: object, **__: object) -> None:
        raise AssertionError("a photograph of a data set was asked for")

    monkeypatch.setattr(photographs.Photographs, "__init__", no_data)
    monkeypatch.setattr(gallery, "RESULTS", tmp_path)
    monkeypatch.setattr(gallery, "solve", lambda problem: problem.start)
    monkeypatch.setattr(gallery, "frames", lambda problem: iter([gallery_frame(problem)] * 4))
    return tmp_path


def gallery_frame(problem: gallery.Problem) -> object:
    return type("Frame", (), {"images": problem.start, "losses": torch.ones(len(problem.start))})


@pytest.mark.parametrize("name", gallery.PICTURES)
def test_a_picture_needs_no_data_set(name: str, drawn: Path) -> None:
    gallery.gallery([name])
    assert [path.name for path in drawn.iterdir()] == [f"{name}.webp"]
    with Image.open(drawn / f"{name}.webp") as new, Image.open(RESULTS / f"{name}.webp") as shipped:
        assert abs(new.width - shipped.width) <= 30
        assert abs(new.height - shipped.height) <= 30


def test_the_moving_picture_starts_where_the_shipped_one_starts(drawn: Path) -> None:
    gallery.gallery(["imagenette-128-moving"])
    start = decoded(drawn / SHIPPED.name)[0][0]
    assert np.abs(start - decoded(SHIPPED)[0][0]).mean() < 12
    robust, standard = np.split(start, 2, axis=1)
    assert np.abs(robust - standard)[gallery.BAND :].mean() < 12, "both models start from the same noise"


def test_every_task_shows_six_tasks_and_both_models_have_one_start(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, torch.Tensor]] = []
    monkeypatch.setattr(gallery.plots, "grid", lambda rows, **how: asked.append(rows | how) or Figure())
    monkeypatch.setattr(gallery, "solve", lambda problem: problem.start)
    gallery.every_task()
    [rows] = asked
    tasks = {title.split(":")[0].split()[0] for title in rows["titles"]}
    assert tasks == {"generate", "translate", "sketch", "paint", "inpaint", "sharpen"}
    assert torch.equal(rows["robust"], rows["standard"])
    assert rows["start"].shape == (len(rows["titles"]), 3, gallery.WHOLE, gallery.WHOLE)
    assert [gallery.WHOLE % testbeds.load(name).resolution for name in (gallery.PHOTOGRAPHS, "picturebook")] == [0, 0]


def test_unknown_pictures_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        gallery.gallery(["no-such-picture"])
    assert "expected names among every-task, " in capsys.readouterr().err
