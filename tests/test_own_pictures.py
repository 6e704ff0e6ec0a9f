"""A person's own pictures: a folder becomes three models, and those become a testbed like any other."""

from pathlib import Path

import pytest
import torch

from course_lib import recipes, trainer, zoo
from course_lib.datasets.collections import folder
from course_lib.datasets.photographs import Photographs
from course_lib.pgd import solve
from course_lib.tasks import generate
from course_lib.testbed import SEED_KINDS
from tests.test_photographs import COLOURS, write


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(trainer, "CHECKPOINTS", tmp_path / "checkpoints")
    monkeypatch.setattr(recipes, "OWN_STEPS", 4)
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
    with pytest.raises(
        ValueError, match=r"^expected at least two folders of at least ten pictures each in .*, got none$"
    ):
        folder(home)
    write(home, parts=("train", "test"), counts=(12, 4))
    for file in sorted((home / "train" / "red").iterdir())[5:]:
        file.unlink()
    with pytest.raises(ValueError, match=r"train, got blue \(12\), green \(12\), red \(5\)$"):
        folder(home)


def test_a_folder_becomes_models_and_a_testbed(home: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    write(home, parts=("train", "val"), counts=(12, 4))
    monkeypatch.setattr("sys.argv", ["trainer", "--data", str(home), "--count", "6"])
    trainer.main()
    told = capsys.readouterr().out
    assert f"TESTBED=folder:{home}" in told
    monkeypatch.setenv("TESTBED", f"folder:{home}")
    testbed = zoo.load()
    assert testbed.classes == ("blue", "green", "red")
    labels = torch.arange(3)
    assert testbed.judge(testbed.batch("test", [0, 1])[0]).shape == (2, 4)
    for kind in SEED_KINDS:
        seeds = testbed.seeds(kind).sample(labels, generator=torch.Generator().manual_seed(0))
        settings = testbed.tuned["generate"] | {"steps": 2}
        assert solve(generate(testbed.robust, seeds, labels, **settings)).shape == (3, 3, 64, 64)
    trainer.main()
    assert capsys.readouterr().out.count("nothing to do") == 3
