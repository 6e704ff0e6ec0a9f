"""A person's own pictures: a folder becomes three models, and those become a testbed like any other."""

import os
from pathlib import Path

import nbformat
import pytest
import torch
from nbclient import NotebookClient
from PIL import Image

from course_lib import testbeds
from course_lib.authoring import train as trainer
from course_lib.datasets.collections import folder
from course_lib.datasets.photographs import Photographs
from course_lib.datasets.picturebook import PictureBook
from course_lib.pgd import solve
from course_lib.seeds import KINDS
from course_lib.tasks import generate
from course_lib.testbeds import own
from tests.datasets.test_photographs import COLOURS, write
from tests.notebooks.test_notebooks import NOTEBOOKS


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(trainer, "CHECKPOINTS", tmp_path / "checkpoints")
    monkeypatch.setattr(own, "STEPS", 4)
    return tmp_path / "pictures"


def test_a_folder_without_parts_is_split_in_three(home: Path) -> None:
    write(home, parts=(".", "more"), counts=(20, 10))
    for name in COLOURS:
        (home / "more" / name).rename(home / f"{name} too")
    (home / "more").rmdir()
    books = [Photographs(folder(home), split, size=16) for split in ("train", "validation", "test")]
    assert [len(book) for book in books] == [72, 9, 9]
    assert len({file for book in books for file in book.files}) == 90
    assert books[0].classes == ("blue", "blue too", "green", "green too", "red", "red too")


def test_what_is_no_such_folder_is_told_in_a_sentence(home: Path) -> None:
    with pytest.raises(ValueError, match=r"^expected at least two folders of at least ten pictures each .*, got none$"):
        folder(home)
    write(home, parts=("train", "test"), counts=(12, 4))
    for file in sorted((home / "train" / "red").iterdir())[5:]:
        file.unlink()
    with pytest.raises(ValueError, match=r"train, got blue \(12\), green \(12\), red \(5\)$"):
        folder(home)


def test_a_folder_becomes_models_and_a_testbed(home: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    write(home, parts=("train", "val"), counts=(12, 4))
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
