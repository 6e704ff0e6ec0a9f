"""Photographs from folders and from the network (a local server stands in for it): whole, in order, split, cached."""

import hashlib
import io
import pickle
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets

from course_lib.datasets import photographs
from course_lib.datasets.collections import CIFAR10, IMAGENETTE
from course_lib.datasets.photographs import Collection, Photographs

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
    assert images.shape == (12, 3, 16, 16)
    assert images.dtype == torch.uint8
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
    with pytest.raises(FileNotFoundError, match=r"^expected the folders red, green, blue in .*, found none$"):
        Photographs(FOLDERS, "train", size=16)
    write(data)
    (data / "test" / "red" / "2.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"red/2\.png: expected a picture file .*, got something else"):
        Photographs(FOLDERS, "test", size=16).images()
    for file in (data / "test" / "blue").iterdir():
        file.unlink()
    with pytest.raises(FileNotFoundError, match=r"^expected pictures in .*blue, found none$"):
        Photographs(FOLDERS, "test", size=16)


# --- fetching ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator["Server"]:
    with Server() as running:
        thread = Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


class Server(ThreadingHTTPServer):
    """Serves `files` by name; with `cut`, only the first half of each, as a broken connection would."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.cut, self.asked = dict[str, bytes](), False, list[str]()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        self.server.asked.append(name)
        data = self.server.files[name]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if self.server.cut else data)

    def log_message(self, *_: object) -> None: ...


def archive(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


@pytest.fixture
def cifar10(server: Server, data: Path, monkeypatch: pytest.MonkeyPatch) -> Collection:
    """A CIFAR-10 of 20 + 10 pictures in its own format, behind the local server."""
    source, files = datasets.CIFAR10, {}

    def part(name: str, first: int) -> tuple[str, str]:
        pixels = np.arange(10, dtype=np.uint8)[:, None].repeat(3072, 1) + first
        files[name] = pickle.dumps({"data": pixels, "labels": list(range(10))})
        return name, md5(files[name])

    monkeypatch.setattr(source, "train_list", [part("data_batch_1", 0), part("data_batch_2", 100)])
    monkeypatch.setattr(source, "test_list", [part("test_batch", 200)])
    files["batches.meta"] = pickle.dumps({"label_names": list(CIFAR10.classes)})
    monkeypatch.setattr(source, "meta", source.meta | {"md5": md5(files["batches.meta"])})
    packed = archive({f"{source.base_folder}/{name}": data for name, data in files.items()})
    server.files["cifar.tar.gz"] = packed
    monkeypatch.setattr(source, "url", server.url("cifar.tar.gz"))
    monkeypatch.setattr(source, "tgz_md5", md5(packed))
    return replace(CIFAR10, held_out=4)


@pytest.fixture
def imagenette(server: Server, data: Path, monkeypatch: pytest.MonkeyPatch) -> Collection:
    """An Imagenette of 80 + 40 pictures, behind the local server."""
    write(data.parent / "imagenette2-320", folders=IMAGENETTE.folders, parts=IMAGENETTE.parts, suffix="JPEG")
    files = {str(path.relative_to(data.parent)): path.read_bytes() for path in data.parent.rglob("*.JPEG")}
    packed = archive(files)
    server.files["imagenette2-320.tgz"] = packed
    archives = {"320px": (server.url("imagenette2-320.tgz"), md5(packed))}
    monkeypatch.setattr(datasets.Imagenette, "_ARCHIVES", archives)
    return replace(IMAGENETTE, held_out=4)


@pytest.mark.parametrize("name", ["cifar10", "imagenette"])
def test_a_data_set_is_fetched_once_and_a_broken_connection_is_told(
    name: str, server: Server, request: pytest.FixtureRequest
) -> None:
    collection: Collection = request.getfixturevalue(name)
    server.cut = True
    with pytest.raises(FileNotFoundError, match=rf"^expected the pictures of {name} below .* could not fetch them: "):
        Photographs(collection, "train", size=16)
    server.cut = False
    train, asked = Photographs(collection, "train", size=16), len(server.asked)
    validation, test = Photographs(collection, "validation", size=16), Photographs(collection, "test", size=16)
    assert len(server.asked) == asked
    assert [len(book) for book in (train, validation, test)] == ([16, 4, 10] if name == "cifar10" else [76, 4, 40])
    assert test.images().shape[1:] == (3, 16, 16)
    assert sorted(set(test.labels.tolist())) == list(range(10))


def test_fetched_cifar10_has_the_original_pixels_and_labels(cifar10: Collection) -> None:
    book = Photographs(cifar10, "test", size=32)
    assert torch.equal(book.images()[:, 0, 0, 0] - 200, book.labels)


def test_what_is_there_already_is_not_fetched_over(cifar10: Collection, data: Path) -> None:
    """A run was killed between the two parts."""
    assert len(Photographs(cifar10, "test", size=32)) == 10
    root = data.parent / "cache" / "cifar10"
    shutil.rmtree(root / "test")
    assert len(Photographs(cifar10, "test", size=32)) == 10


def test_what_a_killed_run_left_is_not_taken_for_a_data_set(imagenette: Collection, data: Path) -> None:
    left = data.parent / "cache" / "imagenette" / "source" / "imagenette2-320" / "train" / IMAGENETTE.folders[0]
    left.mkdir(parents=True)
    (left / "half.png").write_bytes(b"half")
    assert all("half" not in file.name for file in Photographs(imagenette, "train", size=16).files)
