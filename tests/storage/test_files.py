"""Files on the disk: whole or as they were, whatever comes between."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from course_lib.storage.files import cached, load_tensors, replaced, save_tensors, write
from tests.tools.storage import full_disk

OLD, NEW = b"old" * 1_000, b"new" * 100_000
PICTURES = torch.arange(3_000, dtype=torch.uint8).reshape(10, 3, 10, 10)


def test_what_was_there_stays_where_a_write_fails(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write(path, OLD)
    with pytest.raises(OSError, match="File too large"), full_disk():
        write(path, NEW)
    with suppress(KeyboardInterrupt), replaced(path) as new:
        new.write_bytes(NEW)
        assert path.read_bytes() == OLD, "a kill here would leave something else"
        raise KeyboardInterrupt
    assert path.read_bytes() == OLD
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "folder"
    for name in ("one", "two"):
        with replaced(path) as new:
            new.mkdir()
            (new / name).touch()
    assert os.listdir(path) == ["two"]
    assert os.listdir(path.parent) == ["folder"]
    with pytest.raises(IsADirectoryError):
        write(path, NEW)
    assert os.listdir(path) == ["two"], "a file took the place of a folder"


def test_the_longest_name_and_the_usual_rights(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 251 + ".npy")
    write(path, NEW)
    usual = tmp_path / "usual"
    usual.touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)
    assert torch.equal(cached(path, PICTURES.shape, lambda: PICTURES), PICTURES)
    assert torch.equal(cached(path, PICTURES.shape, pytest.fail), PICTURES)


def test_threads_write_one_file_side_by_side(tmp_path: Path) -> None:
    contents = [bytes([number]) * 100_000 for number in range(64)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: write(tmp_path / "file", content), contents))
    assert (tmp_path / "file").read_bytes() in contents
    assert os.listdir(tmp_path) == ["file"]


def test_pictures_that_cannot_be_kept_are_used_all_the_same(tmp_path: Path) -> None:
    with full_disk():
        assert torch.equal(cached(tmp_path / "a.npy", PICTURES.shape, lambda: PICTURES), PICTURES)
    assert os.listdir(tmp_path) == []


def test_tensors_that_do_not_fit_leave_the_old_ones(tmp_path: Path) -> None:
    save_tensors(tmp_path / "net", {"weight": torch.zeros(3)}, {"epochs": 1})
    with pytest.raises(OSError, match="File too large"), full_disk():
        save_tensors(tmp_path / "net", {"weight": torch.ones(3_000)}, {"epochs": 2})
    tensors, card = load_tensors(tmp_path / "net")
    assert torch.equal(tensors["weight"], torch.zeros(3))
    assert card["epochs"] == 1
