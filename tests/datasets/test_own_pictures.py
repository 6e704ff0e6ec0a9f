"""A person's own pictures: a folder becomes three models, and those become a testbed like any other."""

import os
import shlex
from dataclasses import asdict, replace
from pathlib import Path

import nbformat
import pytest
import torch
from nbclient import NotebookClient
from PIL import Image

from course_lib import testbeds
from course_lib.authoring import train as trainer
from course_lib.datasets.collections import folder
from course_lib.datasets.picturebook import PictureBook
from course_lib.pgd import solve
from course_lib.seeds import KINDS
from course_lib.tasks import generate
from course_lib.testbeds import own
from course_lib.testbeds.weights import save_model
from tests.datasets.test_folders import write
from tests.notebooks.test_notebooks import NOTEBOOKS


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(trainer, "CHECKPOINTS", tmp_path / "checkpoints")
    monkeypatch.setattr(own, "STEPS", 4)
    return tmp_path / "pictures"


def pictures(home: Path) -> None:
    for part, first, count in (("train", 0, 12), ("val", 100, 4)):
        write(home / part, classes=("blue", "green", "red"), first=first, count=count)


def small(patch: pytest.MonkeyPatch) -> None:
    """Networks that are trained in a moment."""
    recipes = own.recipes
    brief = {"epochs": 1, "widths": (8, 12), "validation": 4}
    patch.setattr(own, "recipes", lambda data: {name: replace(one, **brief) for name, one in recipes(data).items()})


def untrained(job: trainer.Job, **_: object) -> None:
    save_model(job.recipe.build(), job.name, {"recipe": asdict(job.recipe)}, folder=job.testbed.home)


def test_what_is_no_such_folder_is_told_in_a_sentence(home: Path) -> None:
    with pytest.raises(ValueError, match=r"^expected at least two folders of at least ten pictures each .*, got none$"):
        folder(home)
    pictures(home)
    for file in sorted((home / "train" / "red").iterdir())[5:]:
        file.unlink()
    with pytest.raises(ValueError, match=r"/pictures, got blue \(12\), green \(12\), red \(5\)$"):
        folder(home)


def test_a_folder_becomes_models_and_a_testbed(home: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    small(monkeypatch)
    pictures(home)
    command = ["--data", str(home), "--count", "6"]
    trainer.train_from(command)
    told = capsys.readouterr().out
    assert f"TESTBED=folder:{home}" in told
    monkeypatch.setenv("TESTBED", f"folder:{home}")
    testbed = testbeds.load()
    assert testbed.classes == ("blue", "green", "red")
    labels = torch.arange(3)
    assert testbed.judge(testbed.batch("test", [0, 1])[0]).shape == (2, 4)
    for count, given in ((3, 3), (500, 12)):
        first, batch = testbed.first("test", count), testbed.batch("test", range(given))
        assert all(torch.equal(mine, theirs) for mine, theirs in zip(first, batch, strict=True))
    for kind in KINDS:
        seeds = testbed.seeds(kind).sample(labels, generator=torch.Generator().manual_seed(0))
        settings = testbed.tuned["generate"] | {"steps": 2}
        assert solve(generate(testbed.robust, seeds, labels, **settings)).shape == (3, 3, 64, 64)
    trainer.train_from(command)
    assert capsys.readouterr().out.count("nothing to do") == 3


def trained(home: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    trainer.train_from(["--data", str(home), "--count", "4", *more])
    return capsys.readouterr().out


def test_changed_pictures_are_trained_on_again_and_the_ones_before_are_still_known(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """More of them, then one fewer: no test picture of the models in use was trained on."""
    monkeypatch.setattr(trainer, "run", untrained)
    pictures(home)
    said = f"The pictures in {home} changed after models were trained on them"
    first = trained(home, capsys)
    assert said not in first
    extra = home / "train" / "red" / "another.png"
    Image.new("RGB", (20, 20), "white").save(extra)
    more = trained(home, capsys)
    assert more.count(said) == 1
    assert "nothing to do" not in more
    extra.unlink()
    assert trained(home, capsys).count("nothing to do") == 3, "the models of these pictures are there"
    before = folder(home)
    gone = before.files("test")[0][0]
    gone.unlink()
    assert trained(home, capsys).count("nothing to do") == 0
    seen, tests = ({file for file, _ in before.files("train")}, {file for file, _ in folder(home).files("test")})
    assert tests == {file for file, _ in before.files("test")} - {gone}
    assert not seen & tests


def test_again_trains_from_the_start(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small(monkeypatch)
    pictures(home)
    trained(home, capsys)
    again = trained(home, capsys, "--again")
    assert again.count("loss ") == 3
    assert "nan" not in again


@pytest.mark.parametrize("part", ["train", "val"])
def test_a_broken_picture_is_named_before_training_begins(
    part: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures(home)
    (home / part / "red" / "2.png").write_bytes(b"broken")
    monkeypatch.setattr(trainer, "train", lambda *_, **__: pytest.fail("training had begun"))
    with pytest.raises(ValueError, match=rf"^expected pictures, got 1 broken: .*{part}/red/2\.png: "):
        trained(home, capsys)


def test_a_folder_of_copies_and_one_without_a_place_for_models_are_refused_before_training(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trainer, "train", lambda *_, **__: pytest.fail("training had begun"))
    for name in ("a", "b"):
        (home / name).mkdir(parents=True)
        for number in range(12):
            Image.new("RGB", (8, 8)).save(home / name / f"{number}.png")
    with pytest.raises(ValueError, match=r"^expected different pictures to train on, .*'test': 0}$"):
        trained(home, capsys)
    pictures(home / "more")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file"))
    with pytest.raises(OSError, match="file"):
        trained(home / "more", capsys)


def test_the_setting_that_is_printed_works_elsewhere(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a shell in notebooks/ reads it: absolute, and in quotes where the path has a space."""
    monkeypatch.setattr(trainer, "run", untrained)
    pictures(tmp_path / "my $pictures")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path)
    told = trained(Path("my $pictures"), capsys)
    assert "blue, green, red: " in told
    (line,) = (line for line in told.splitlines() if "TESTBED=" in line)
    (setting,) = shlex.split(line[line.index("TESTBED=") :])
    monkeypatch.chdir(tmp_path / "notebooks")
    assert testbeds.load(setting.removeprefix("TESTBED=")).robust is not None


@pytest.fixture(scope="module")
def two_classes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of someone whose folder has two classes, the fewest, with models trained for a few steps."""
    home = tmp_path_factory.mktemp("own")
    for label, name in enumerate(("horse", "zebra")):
        for part, count in (("train", 60), ("test", 10)):
            (home / "pictures" / part / name).mkdir(parents=True)
            pictures = PictureBook(part).images(range(label, 10 * count, 10))
            for number, picture in enumerate(pictures):
                pixels = picture.permute(1, 2, 0).numpy()
                Image.fromarray(pixels).save(home / "pictures" / part / name / f"{number}.png")
    environment = {"COURSE_CACHE": str(home / "cache"), "TESTBED": f"folder:{home / 'pictures'}", "COURSE_FAST": "1"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CACHE", environment["COURSE_CACHE"])
        patch.setattr(trainer, "CHECKPOINTS", home / "checkpoints")
        patch.setattr(own, "STEPS", 20)
        trainer.train_from(["--data", str(home / "pictures"), "--count", "20"])
    return environment


@pytest.mark.full
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_every_lecture_runs_on_a_folder_of_two_classes(path: Path, two_classes: dict[str, str]) -> None:
    """To its end; what its checked cells say of models that were hardly trained is no claim of the course."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": path.parent}})
    client.execute(env=os.environ | two_classes)
