"""Files from the internet (a server on this machine stands in for it): whole, checked, resumed, or clearly absent."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from course_lib.storage import fetching
from course_lib.storage.fetching import fetch, fetch_from_hub
from tests.conftest import ROOT
from tests.tools.web import COMMIT, Server, serving

DATA = bytes(range(256)) * 20_000  # 5 MB, so that it comes in several pieces
SHA256 = hashlib.sha256(DATA).hexdigest()
HALF = len(DATA) // 2
CHANGED = b"changed" + DATA


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(fetching, "PAUSE", 0.0)
    with serving() as running:
        yield running


def left(path: Path) -> list[str]:
    """What is in the folder of a file, apart from its lock."""
    return sorted(other.name for other in path.parent.iterdir() if other.suffix != ".lock")


def interrupted(server: Server, path: Path) -> str:
    """The URL of a file of which the first half has come."""
    url = server.put("/file", DATA)
    server.cuts = [HALF, 0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetching, "ATTEMPTS", 1)
        with pytest.raises(FileNotFoundError, match="the connection ended after 2,560,000 of 5,120,000 bytes"):
            fetch(url, path)
    assert left(path) == [f"{path.name}.part", f"{path.name}.part.note"]
    server.asked.clear()
    return url


@pytest.mark.parametrize("sha256", [None, SHA256, SHA256[:8]], ids=["unchecked", "whole hash", "its first digits"])
def test_a_file_comes_once_and_whole(sha256: str | None, server: Server, tmp_path: Path) -> None:
    path = tmp_path / "a" / "folder" / "file"
    for _ in range(2):
        assert fetch(server.put("/file", DATA), path, sha256=sha256) == path
        assert path.read_bytes() == DATA
    assert server.asked == [("/file", 0)]
    assert left(path) == ["file"]


def test_a_break_is_mended_by_asking_for_the_rest(server: Server, tmp_path: Path) -> None:
    server.cuts = [1_000_000, 0, 0, 0, 1_000_000]  # no more than three in a row bring nothing
    fetch(server.put("/file", DATA), tmp_path / "file", sha256=SHA256)
    assert [first for _, first in server.asked] == [0, *[1_000_000] * 4, 2_000_000]


@pytest.mark.parametrize("there", [0, 500])
def test_a_break_within_the_head_loses_nothing_that_has_come(there: int, server: Server, tmp_path: Path) -> None:
    url = server.put("/file", DATA[:1000])
    for cut in range(1, 200):
        server.cuts = [there, -cut] if there else [-cut]
        server.asked.clear()
        fetch(url, tmp_path / f"{cut}")
        assert (tmp_path / f"{cut}").read_bytes() == DATA[:1000], f"after {cut} bytes of the head"
        assert server.asked[-2:] == [("/file", there)] * 2, f"after {cut} bytes of the head"


@pytest.mark.parametrize("versions", ["etag", "date"])
def test_a_later_call_asks_for_the_rest_alone(versions: str, server: Server, tmp_path: Path) -> None:
    server.versions, path = versions, tmp_path / "file"
    url = interrupted(server, path)
    fetch(url, path, sha256=SHA256)
    assert server.asked == [("/file", HALF)]
    assert left(path) == ["file"]


def test_a_server_without_ranges_sends_it_all_again(server: Server, tmp_path: Path) -> None:
    url, path = interrupted(server, tmp_path / "file"), tmp_path / "file"
    server.knows_ranges = False
    fetch(url, path, sha256=SHA256)
    assert path.read_bytes() == DATA


@pytest.mark.parametrize("versions", ["etag", "date"])
def test_a_file_that_has_changed_since_starts_anew(versions: str, server: Server, tmp_path: Path) -> None:
    server.versions, path = versions, tmp_path / "file"
    url = interrupted(server, path)
    server.put("/file", CHANGED)
    fetch(url, path)
    assert path.read_bytes() == CHANGED


@pytest.mark.parametrize("versions", ["none", "weak"])
def test_what_has_no_sure_version_is_not_resumed(versions: str, server: Server, tmp_path: Path) -> None:
    server.versions, server.cuts = versions, [HALF]
    fetch(server.put("/file", DATA), tmp_path / "file", sha256=SHA256)
    assert server.asked == [("/file", 0)] * 2


def test_a_kill_before_the_last_step_costs_nothing(server: Server, tmp_path: Path) -> None:
    url, path = interrupted(server, tmp_path / "file"), tmp_path / "file"
    Path(f"{path}.part").write_bytes(DATA)
    fetch(url, path, sha256=SHA256)
    assert server.asked == [("/file", len(DATA))]
    assert path.read_bytes() == DATA


def test_a_part_that_is_too_long_is_dropped(server: Server, tmp_path: Path) -> None:
    url, path = interrupted(server, tmp_path / "file"), tmp_path / "file"
    Path(f"{path}.part").write_bytes(DATA + b"more")
    fetch(url, path, sha256=SHA256)
    assert path.read_bytes() == DATA


def test_another_file_is_refused_and_not_kept(server: Server, tmp_path: Path) -> None:
    path, url = tmp_path / "file", server.put("/file", CHANGED)
    sentence = rf"^expected a file from {url} with SHA-256 {SHA256}, got [0-9a-f]{{64}}: it was removed$"
    with pytest.raises(ValueError, match=sentence):
        fetch(url, path, sha256=SHA256)
    assert not path.exists()
    assert not Path(f"{path}.part").exists()
    server.put("/file", DATA)
    assert fetch(url, path, sha256=SHA256).read_bytes() == DATA
    assert server.asked == [("/file", 0)] * 2, "a part of the wrong file was gone on with"


@pytest.mark.parametrize(("stated", "reason"), [(9, "SHA-256 .*: it was removed"), (99, "ended after 10 of 99 bytes")])
def test_a_length_that_is_not_the_files_is_noticed(stated: int, reason: str, server: Server, tmp_path: Path) -> None:
    server.headers["/file"], server.knows_ranges = {"Content-Length": str(stated)}, False
    with pytest.raises((ValueError, FileNotFoundError), match=reason):
        fetch(server.put("/file", DATA[:10]), tmp_path / "file", sha256=hashlib.sha256(DATA[:10]).hexdigest())
    assert not (tmp_path / "file").exists()


def test_a_damaged_part_is_noticed(server: Server, tmp_path: Path) -> None:
    url, path = interrupted(server, tmp_path / "file"), tmp_path / "file"
    Path(f"{path}.part").write_bytes(DATA[: HALF - 1] + b"x")
    with pytest.raises(ValueError, match="it was removed"):
        fetch(url, path, sha256=SHA256)
    assert fetch(url, path, sha256=SHA256).read_bytes() == DATA


def test_a_file_put_there_by_hand_is_used_and_checked(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    assert fetch("http://127.0.0.1:9/nobody", path, sha256=SHA256) == path
    path.write_bytes(CHANGED)
    with pytest.raises(ValueError, match=r"expected a file at .*, which is from http.*: remove it, and it is fetched"):
        fetch("http://127.0.0.1:9/nobody", path, sha256=SHA256)
    assert path.read_bytes() == CHANGED, "a person's file is theirs"


def test_what_cannot_be_had_is_said_in_one_sentence(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(FileNotFoundError) as caught:
        fetch(f"{server.url}/nothing", path)
    assert str(caught.value) == (
        f"expected {path}, could not fetch it from {server.url}/nothing (404 Not Found): "
        "fetch it by hand and put it there"
    )
    assert len(server.asked) == 1, "nothing is there, so asking again helps no one"
    with pytest.raises(FileNotFoundError, match=r"could not fetch it from http://127.* \(.*Connection refused\)"):
        fetch("http://127.0.0.1:9/nobody", path)


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.answers = [503, 429, 500]
    fetch(server.put("/file", DATA), tmp_path / "file", sha256=SHA256)
    server.answers = [503] * 9
    with pytest.raises(FileNotFoundError, match=r"\(503 Service Unavailable\): fetch it by hand"):
        fetch(f"{server.url}/file", tmp_path / "again")
    assert len(server.asked) == 4 + fetching.ATTEMPTS


def test_silence_is_not_waited_for(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT", 0.2)
    monkeypatch.setattr(fetching, "ATTEMPTS", 2)
    server.late = 1.0
    with pytest.raises(FileNotFoundError, match=r"\((The read operation )?timed out\): fetch it by hand"):
        fetch(server.put("/file", DATA), tmp_path / "file")
    assert len(server.asked) == 2


def test_a_disk_without_room_is_seen_before(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, url = tmp_path / "file", interrupted(server, tmp_path / "file")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(9e9, 9e9, HALF - 1))
    with pytest.raises(OSError, match=rf"^expected 2\.6 MB of free space in {tmp_path}, got 2\.6 MB$"):
        fetch(url, path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(9e9, 9e9, HALF))  # the rest alone has to fit
    fetch(url, path, sha256=SHA256)


def test_a_disk_that_fills_up_on_the_way(server: Server, tmp_path: Path) -> None:
    Path(tmp_path / "file.part").symlink_to("/dev/full")  # every write to it fails as on a full disk
    with pytest.raises(OSError, match=r"^expected free space for file\.part, but the disk is full: free some in "):
        fetch(server.put("/file", DATA), tmp_path / "file")
    Path(tmp_path / "file.part").unlink()
    fetch(f"{server.url}/file", tmp_path / "file", sha256=SHA256)


PROGRAM = (
    "import sys, pathlib; from course_lib.storage.fetching import fetch; fetch(sys.argv[1], pathlib.Path(sys.argv[2]))"
)


def fetching_elsewhere(url: str, path: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-W", "error", "-c", PROGRAM, url, str(path)], cwd=ROOT)


def test_two_processes_fetch_it_once(server: Server, tmp_path: Path) -> None:
    server.late = 0.5
    others = [fetching_elsewhere(server.put("/file", DATA), tmp_path / "file") for _ in range(2)]
    assert [other.wait(120) for other in others] == [0, 0]
    assert (tmp_path / "file").read_bytes() == DATA
    assert server.asked == [("/file", 0)]


def test_a_killed_run_is_gone_on_with(server: Server, tmp_path: Path) -> None:
    path, url = tmp_path / "file", server.put("/file", DATA)
    server.cuts, server.hangs = [HALF], True
    other = fetching_elsewhere(url, path)
    part = Path(f"{path}.part")
    for _ in range(6_000):
        if part.exists() and part.stat().st_size == HALF:
            break
        time.sleep(0.02)
    os.kill(other.pid, signal.SIGKILL)
    assert other.wait(60) == -signal.SIGKILL
    server.hangs = False
    server.asked.clear()
    fetch(url, path, sha256=SHA256)
    assert server.asked == [("/file", HALF)]


@pytest.fixture
def hub(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The library reads $HF_ENDPOINT when it is imported, so here it is set where it has been read into."""
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    return server


def test_a_file_of_the_hub(hub: Server, tmp_path: Path) -> None:
    hub.put_on_hub("lab/models", "net.ckpt", DATA)
    path = fetch_from_hub("lab/models", "net.ckpt")
    assert path == tmp_path / "hub" / "lab--models" / "net.ckpt"
    assert path.read_bytes() == DATA
    assert (f"/lab/models/resolve/{COMMIT}/net.ckpt", 0) in hub.asked, "not of the version that was looked up"


def test_the_hub_states_what_the_file_must_be(hub: Server) -> None:
    hub.put_on_hub("lab/models", "net.ckpt", DATA)
    for path in hub.files:
        hub.files[path] = CHANGED
    with pytest.raises(ValueError, match=f"with SHA-256 {SHA256}, got"):
        fetch_from_hub("lab/models", "net.ckpt")


def test_without_the_hub_a_file_that_is_there_serves(hub: Server, tmp_path: Path) -> None:
    path = tmp_path / "hub" / "lab--models" / "net.ckpt"
    url = f"{hub.url}/lab/models/resolve/main/net.ckpt"
    with pytest.raises(FileNotFoundError) as caught:
        fetch_from_hub("lab/models", "net.ckpt")
    assert re.fullmatch(
        re.escape(f"expected {path}, could not fetch it from {url} (")
        + r".*404 Not Found.*\): fetch it by hand and put it there",
        str(caught.value),
    )
    path.parent.mkdir(parents=True)
    path.write_bytes(DATA)
    assert fetch_from_hub("lab/models", "net.ckpt") == path


def test_the_mirror_that_the_environment_names(hub: Server, tmp_path: Path) -> None:
    hub.put_on_hub("lab/models", "net.ckpt", DATA)
    program = "from course_lib.storage.fetching import fetch_from_hub; print(fetch_from_hub('lab/models', 'net.ckpt'))"
    environment = os.environ | {"HF_ENDPOINT": hub.url, "COURSE_CACHE": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.strip() == str(tmp_path / "hub" / "lab--models" / "net.ckpt"), run.stderr
