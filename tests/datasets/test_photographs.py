"""Photographs from folders and from the network (a local server stands in for it): whole, in order, split, cached."""

import hashlib
import itertools
import random
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.datasets import collections, photographs
from course_lib.datasets.collections import COLLECTIONS, IMAGENETTE
from course_lib.datasets.photographs import Collection, Photographs
from course_lib.storage import fetching
from tests.tools.storage import tarred
from tests.tools.web import Server, serving

NOISE = np.random.default_rng(0).integers(256, size=(30, 3 * 32 * 32), dtype=np.uint8)
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
FOLDERS = Collection("colours", tuple(COLOURS), tuple(COLOURS), ("train", "test"), held_out=6)


def write(
    root: Path,
    *,
    folders: tuple[str, ...] = tuple(COLOURS),
    parts: tuple[str, str] = ("train", "test"),
    counts: tuple[int, int] = (8, 4),
    suffix: str = "png",
) -> None:
    """Pictures of one colour and a little of their own number, wider than high; so many of each class."""
    for part, count in zip(parts, counts, strict=True):
        for folder, colour in zip(folders, [*COLOURS.values()] * 4, strict=False):
            (root / part / folder).mkdir(parents=True)
            for number in range(count):
                pixels = np.full((20, 30, 3), colour, np.uint8) // 2 + number
                Image.fromarray(pixels).save(root / part / folder / f"{number}.{suffix}")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "data"


@pytest.mark.parametrize("inside", ["colours", "."])
def test_folders_become_squares_with_labels(data: Path, inside: str) -> None:
    write(data / inside)
    book = Photographs(FOLDERS, "test", size=16)
    assert len(book) == 12
    images = book.images()
    assert (images.shape, images.dtype) == ((12, 3, 16, 16), torch.uint8)
    assert torch.equal(images.float().mean((2, 3)).argmax(1), book.labels)
    assert book.labels.bincount().tolist() == [4, 4, 4]
    assert book.labels.tolist() != sorted(book.labels.tolist()), "the classes come in blocks"
    picture, label = book[-1]
    assert torch.equal(picture, images[-1])
    assert label == book.labels[-1]
    assert torch.equal(book.images(torch.tensor([3, 1])), images[[3, 1]])


def test_the_splits_share_no_picture_and_are_the_same_every_time(data: Path) -> None:
    write(data)
    train, validation = Photographs(FOLDERS, "train", size=16), Photographs(FOLDERS, "validation", size=16)
    assert (len(train), len(validation)) == (18, 6)
    assert not set(train.files) & set(validation.files)
    assert train.files == Photographs(FOLDERS, "train", size=16).files
    with pytest.raises(ValueError, match=r"^split must be one of train, validation, test; got 'val'$"):
        Photographs(FOLDERS, "val", size=16)


def test_pictures_are_read_once_and_a_damaged_cache_is_read_again(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(data)
    first = Photographs(FOLDERS, "test", size=16).images()
    (stored,) = (data.parent / "cache").glob("colours-test-16-*.npy")
    with monkeypatch.context() as patch:
        patch.setattr(photographs, "read_square", None)
        assert torch.equal(Photographs(FOLDERS, "test", size=16).images(), first)
    stored.write_bytes(stored.read_bytes()[:200])
    assert torch.equal(Photographs(FOLDERS, "test", size=16).images(), first)
    Image.new("RGB", (9, 9), "white").save(data / "test" / "red" / "3.png")  # another picture: not from the cache
    assert not torch.equal(Photographs(FOLDERS, "test", size=16).images(), first)


def test_what_is_missing_or_broken_is_named(data: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"^expected the folders train/red, .*train/blue in .*, found none$"):
        Photographs(FOLDERS, "train", size=16)
    write(data)
    (data / "test" / "red" / "2.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"red/2\.png: expected a picture file .*, got something else"):
        Photographs(FOLDERS, "test", size=16).images()
    for file in (data / "test" / "blue").iterdir():
        file.unlink()
    with pytest.raises(FileNotFoundError, match=r"^expected pictures in .*blue, found none$"):
        Photographs(FOLDERS, "test", size=16)


@pytest.fixture
def server(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Has a CIFAR-10 of 20 + 10 pictures and an Imagenette of 80 + 40, in their own formats."""
    cifar10 = {
        f"cifar-10-batches-bin/{name}": np.insert(NOISE[first : first + 10], 0, range(10), axis=1).tobytes()
        for name, first in (("data_batch_1.bin", 0), ("data_batch_2.bin", 10), ("test_batch.bin", 20))
    }
    write(data.parent / "imagenette2-320", folders=IMAGENETTE.folders, parts=IMAGENETTE.parts, suffix="JPEG")
    files = data.parent.rglob("*.JPEG")
    imagenette = {path.relative_to(data.parent).as_posix(): path.read_bytes() for path in files}
    monkeypatch.setattr(fetching, "PAUSE", 0.0)
    with serving() as running:
        for name, packed in (("cifar10", tarred(cifar10)), ("imagenette", tarred(imagenette))):
            source = running.put(f"/{name}.tgz", packed), hashlib.sha256(packed).hexdigest()
            monkeypatch.setitem(collections.SOURCES, name, source)
        yield running


def brief(name: str) -> Collection:
    return replace(COLLECTIONS[name], held_out=4)


@pytest.mark.parametrize("name", ["cifar10", "imagenette"])
def test_a_data_set_is_fetched_once_however_often_the_connection_breaks(
    name: str, server: Server, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cut at 20 random places, every third of them in the head of the answer."""
    rng = random.Random(0)
    step = len(server.files[f"/{name}.tgz"]) // 20
    server.cuts = [-rng.randrange(1, 140) if number % 3 == 0 else rng.randrange(1, step) for number in range(20)]
    places = [0, *itertools.accumulate(max(0, cut) for cut in server.cuts)]
    train = Photographs(brief(name), "train", size=16)
    assert server.asked == [(f"/{name}.tgz", place) for place in places]
    validation, test = Photographs(brief(name), "validation", size=16), Photographs(brief(name), "test", size=16)
    assert len(server.asked) == 21
    assert [len(book) for book in (train, validation, test)] == ([16, 4, 10] if name == "cifar10" else [76, 4, 40])
    assert test.images().shape[1:] == (3, 16, 16)
    assert sorted(set(test.labels.tolist())) == list(range(10))
    assert sorted(path.name for path in (data.parent / "cache" / name).iterdir()) == sorted(brief(name).parts)
    told = capsys.readouterr()
    assert told.out.startswith(f"Fetching {name} into ")
    assert "100%" in told.err


@pytest.mark.parametrize("name", ["cifar10", "imagenette"])
def test_a_data_set_that_does_not_come_whole_is_told_and_gone_on_with(name: str, server: Server) -> None:
    server.cuts = [1_000, *[0] * fetching.ATTEMPTS]
    with pytest.raises(FileNotFoundError, match=rf"^expected the pictures of {name} below .* could not fetch them: "):
        Photographs(brief(name), "train", size=16)
    server.asked.clear()
    assert len(Photographs(brief(name), "test", size=16)) > 0
    assert server.asked == [(f"/{name}.tgz", 1_000)]


@pytest.mark.parametrize("name", ["cifar10", "imagenette"])
def test_another_data_set_than_the_published_one_is_refused(name: str, server: Server) -> None:
    server.put(f"/{name}.tgz", tarred({"another.png": b"1"}))
    with pytest.raises(ValueError, match=r"^expected a file from .* with SHA-256 .*, got .*: it was removed$"):
        Photographs(brief(name), "train", size=16)


def test_fetched_cifar10_has_the_original_pixels_and_labels(server: Server) -> None:
    for split, first in (("test", 20), ("train", 0)):
        book = Photographs(brief("cifar10"), split, size=32)
        for file, picture, label in zip(book.files, book.images(), book.labels, strict=True):
            assert torch.equal(picture.flatten(), torch.from_numpy(NOISE[first + int(file.stem)]))
            assert label == int(file.stem) % 10


def test_what_is_there_already_is_not_fetched_over(server: Server, data: Path) -> None:
    """A run was killed between the two parts."""
    assert len(Photographs(brief("cifar10"), "test", size=32)) == 10
    root = data.parent / "cache" / "cifar10"
    kept = (root / "train").stat().st_ino
    server.asked.clear()
    assert len(Photographs(brief("cifar10"), "train", size=32)) == 16
    assert (root / "train").stat().st_ino == kept
    assert server.asked == []
    shutil.rmtree(root / "test")
    assert len(Photographs(brief("cifar10"), "test", size=32)) == 10


def test_what_a_killed_run_left_is_not_taken_for_a_data_set(server: Server, data: Path) -> None:
    left = data.parent / "cache" / "imagenette" / "source" / "unpacked" / "imagenette2-320" / "train" / "n01440764"
    left.mkdir(parents=True)
    (left / "half.png").write_bytes(b"half")
    assert all("half" not in file.name for file in Photographs(brief("imagenette"), "train", size=16).files)


def test_two_at_once_fetch_a_data_set_once(server: Server) -> None:
    server.late = 0.3
    with ThreadPoolExecutor(2) as pool:
        books = list(pool.map(lambda split: Photographs(brief("cifar10"), split, size=32), ["train", "test"]))
    assert [len(book) for book in books] == [16, 10]
    assert len(server.asked) == 1
