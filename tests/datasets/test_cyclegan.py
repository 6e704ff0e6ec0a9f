"""Pairs of domains from zip files: fetched and unpacked whole and safely, then trained and served like own pictures."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import testbeds
from course_lib.authoring import train as trainer
from course_lib.constraints import L2Ball
from course_lib.datasets import collections
from course_lib.datasets.collections import collection_of
from course_lib.datasets.photographs import Photographs
from course_lib.pgd import solve
from course_lib.seeds import KINDS
from course_lib.storage import fetching
from course_lib.tasks import attack, fill_with_mean, inpaint, paint, random_holes, superresolve, translate
from course_lib.testbeds import own
from course_lib.training.recipe import Recipe
from tests.tools.storage import zipped
from tests.tools.web import Server, serving

COUNTS = {"trainA": 250, "trainB": 290, "testA": 8, "testB": 12}


def picture(grey: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((8, 12, 3), grey, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def domains(name: str) -> bytes:
    """A pair of domains as its zip file has them: A is dark, B is bright, and every picture a little different."""
    return zipped(
        {
            f"{name}/{folder}/{number}.png": picture((30 if folder.endswith("A") else 150) + number % 60)
            for folder, count in COUNTS.items()
            for number in range(count)
        }
    )


@pytest.fixture(scope="module")
def archive() -> bytes:
    return domains("summer2winter_yosemite")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    return tmp_path / "cache"


@pytest.fixture
def server(archive: bytes, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving() as running:
        source = running.put("/summer2winter_yosemite.zip", archive), hashlib.sha256(archive).hexdigest()
        monkeypatch.setitem(collections.SOURCES, "summer2winter", source)
        monkeypatch.setattr(fetching, "PAUSE", 0.0)
        yield running


def test_a_pair_is_fetched_once_and_has_the_labels_of_its_folders(server: Server, cache: Path) -> None:
    books = {split: Photographs(collection_of("summer2winter"), split, size=8) for split in ("train", "test")}
    books["validation"] = Photographs(collection_of("summer2winter"), "validation", size=8)
    assert len(server.asked) == 1
    assert {split: len(book) for split, book in books.items()} == {"train": 340, "validation": 200, "test": 20}
    assert books["test"].classes == ("summer", "winter")
    for book in books.values():
        assert torch.equal((book.images()[:, 0, 0, 0] > 120).long(), book.labels)
    assert sorted(path.name for path in (cache / "summer2winter").iterdir()) == sorted(COUNTS)


def test_a_folder_that_someone_unpacked_serves_as_it_is(archive: bytes, cache: Path) -> None:
    unpacked = cache.parent / "elsewhere"
    zipfile.ZipFile(io.BytesIO(archive)).extractall(unpacked)
    (cache.parent / "data").mkdir()
    (cache.parent / "data" / "summer2winter").symlink_to(unpacked / "summer2winter_yosemite")
    assert len(Photographs(collection_of("summer2winter"), "test", size=8)) == 20


def test_offline_says_in_a_sentence_where_to_get_and_put_the_file(server: Server, archive: bytes, cache: Path) -> None:
    server.files.clear()
    place = cache / "summer2winter" / "source" / "summer2winter_yosemite.zip"
    with pytest.raises(FileNotFoundError, match=r"^expected the pictures of summer2winter below .* by hand") as told:
        Photographs(collection_of("summer2winter"), "test", size=8)
    assert f"{server.url}/summer2winter_yosemite.zip" in str(told.value)
    assert str(place) in str(told.value)
    assert "\n" not in str(told.value)
    place.write_bytes(archive)
    assert len(Photographs(collection_of("summer2winter"), "test", size=8)) == 20


def test_another_file_than_the_published_one_is_refused(server: Server, cache: Path) -> None:
    server.put("/summer2winter_yosemite.zip", domains("horse2zebra"))
    with pytest.raises(ValueError, match=r"^expected a file from .* with SHA-256 .*, got "):
        Photographs(collection_of("summer2winter"), "test", size=8)


def test_a_killed_run_between_two_folders_goes_on(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(source: Path, target: Path, put=collections.put) -> None:
        if target.name == "testA":
            raise KeyboardInterrupt
        put(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(collections, "put", killed)
        with pytest.raises(KeyboardInterrupt):
            Photographs(collection_of("summer2winter"), "train", size=8)
    assert len(Photographs(collection_of("summer2winter"), "test", size=8)) == 20
    assert len(server.asked) == 1, "what has come is not fetched again"


def test_a_pair_is_trained_by_name_and_serves_every_task(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trainer, "CHECKPOINTS", cache / "checkpoints")
    recipes = own.recipes

    def brief(data: str) -> dict[str, Recipe]:
        return {name: replace(one, epochs=1, widths=(8, 12), validation=20) for name, one in recipes(data).items()}

    monkeypatch.setattr(own, "recipes", brief)
    trainer.train_from(["--data", "summer2winter", "--count", "4"])
    assert "TESTBED=summer2winter\n" in capsys.readouterr().out
    assert recipes("summer2winter").keys() == {f"summer2winter-{role}" for role in own.ROLES}
    testbed = testbeds.load("summer2winter")
    assert testbed.pairs == ((0, 1),)
    assert list(testbed.pair_models) == [(0, 1)]
    images, labels = testbed.batch("test", [0, 1])
    assert testbed.judge(images).shape == (2, 3)
    mask, ball = random_holes(2, 64, 16, generator=torch.Generator().manual_seed(0)), L2Ball(1.0)
    for model in (*testbed.models.values(), *testbed.pair_models[0, 1].values()):
        problems = [
            translate(model, images, 1 - labels, **testbed.tuned["translate"] | {"steps": 1}),
            inpaint(model, fill_with_mean(images, mask), mask, ball=ball, steps=1),
            superresolve(model, images[..., ::4, ::4], labels, factor=4, ball=ball, steps=1),
            paint(model, images, mask, unit=0, ball=ball, steps=1),
            attack(model, images, labels, ball=ball, steps=1),
        ]
        for problem in problems:
            assert solve(problem).shape == images.shape
            assert not torch.equal(solve(problem), problem.start)
    for kind in KINDS:
        seeds = testbed.seeds(kind).sample(labels, generator=torch.Generator().manual_seed(0))
        assert seeds.shape == images.shape
