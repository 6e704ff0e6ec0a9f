"""Files on the disk: whole or as they were, whatever comes between."""

import os
import pwd
import stat
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from course_lib.storage.files import (
    PACKAGE,
    cached,
    default_cache,
    load_tensors,
    place,
    replaced,
    save_tensors,
    say_once,
    write,
)
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


def test_pictures_that_cannot_be_kept_are_used_all_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say_once.cache_clear()
    sentence = "Pictures are made again each time, as none can be kept in {}: {}.\n"
    for folder, reason in {tmp_path: "File too large", Path("/proc/nowhere"): "No such file or directory"}.items():
        with full_disk():
            for name in ("a.npy", "b.npy"):
                assert torch.equal(cached(folder / name, PICTURES.shape, lambda: PICTURES), PICTURES)
        assert capsys.readouterr().out == sentence.format(folder, reason)
    assert os.listdir(tmp_path) == []


def test_tensors_that_do_not_fit_leave_the_old_ones(tmp_path: Path) -> None:
    save_tensors(tmp_path / "net", {"weight": torch.zeros(3)}, {"epochs": 1})
    with pytest.raises(OSError, match="File too large"), full_disk():
        save_tensors(tmp_path / "net", {"weight": torch.ones(3_000)}, {"epochs": 2})
    tensors, card = load_tensors(tmp_path / "net")
    assert torch.equal(tensors["weight"], torch.zeros(3))
    assert card["epochs"] == 1


WRITTEN = ["~/my data", "  ~/my data ", "'~/my data'", '"{home}/my data" ', "{home}/my data/"]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_path_is_understood_as_people_write_it(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every variable that names a folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    text, folder = text.format(home=tmp_path), tmp_path / "my data"
    assert place(text) == folder
    for variable, wanted in {"COURSE_CACHE": folder, "XDG_CACHE_HOME": folder / "robust-image-synthesis"}.items():
        with monkeypatch.context() as patch:
            patch.delenv("COURSE_CACHE", raising=False)
            patch.setenv(variable, text)
            assert default_cache() == wanted


@pytest.mark.parametrize("text", ["", " ", "''"])
def test_a_variable_that_names_nothing_counts_as_not_there(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in {"HOME": str(tmp_path), "COURSE_CACHE": text, "XDG_CACHE_HOME": text}.items():
        monkeypatch.setenv(variable, value)
    assert default_cache() == tmp_path / ".cache" / "robust-image-synthesis"


def test_a_relative_path_is_also_looked_for_in_the_course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notebooks run in a folder of their own; what somebody says in the course's folder is meant from there."""
    monkeypatch.chdir(tmp_path)
    assert place("data/weights") == PACKAGE.parent / "data" / "weights"
    assert place("new") == Path("new")
    (tmp_path / "data" / "weights").mkdir(parents=True)
    assert place("data/weights") == Path("data/weights")


def nobody(_: int) -> None:
    raise KeyError("expected a user of this number, got none")


def test_a_user_without_a_home_folder_has_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "COURSE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert default_cache() == tmp_path / "robust-image-synthesis"
    for text in ("~/data", "~nobody-of-this-name/data"):
        with pytest.raises(ValueError, match=r"^expected a path whose ~ stands for a home folder, got ~\S+$"):
            place(text)


PROGRAM = """
import pwd, torch
def nobody(_): raise KeyError("uid not found")
pwd.getpwuid = nobody
from course_lib import testbeds
from course_lib.tasks import refine
from course_lib.pgd import solve
from course_lib.storage.files import cached, default_cache
book = testbeds.load()
images, labels = book.batch("test", [0])
settings = book.tuned["generate"] | {"steps": 1}
assert torch.isfinite(solve(refine(book.robust, images, labels, **settings))).all()
cached(default_cache() / "kept.npy", tuple(images.shape), (255 * images).byte)
print(book.name)
"""


def test_the_course_runs_for_a_user_without_a_home_in_a_locale_without_letters(tmp_path: Path) -> None:
    """As in a container; the cache is a path beyond ASCII."""
    temp = tmp_path / "bücher ✓"
    temp.mkdir()
    kept = {key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ}
    given = kept | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TMPDIR": str(temp)}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=given, cwd=tmp_path, capture_output=True, check=False, text=True)
    assert done.stdout.split() == ["picturebook"], done.stderr
    assert (temp / "robust-image-synthesis" / "kept.npy").exists()
