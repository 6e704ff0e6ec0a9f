"""What students' code cannot do, as root and as a user: attacks, run in the sandbox by the grader's runner."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load

from course_lib.checks.report import exercise
from course_lib.grading import sandbox
from course_lib.grading.marks import Hidden
from course_lib.grading.sandbox import Answer, Limits
from tests.conftest import ROOT
from tests.tools.programs import NO_BUBBLEWRAP, needed

NAME = "ps1.project_box"
SECRET = b"course-secret"
WAYS = {  # an expression that counts what was reached
    "is not root": "os.getuid() == 0",
    "writes no setting of the kernel":
        "sum(can(f'{at}/{name}', os.O_WRONLY) for at, _, names in os.walk('/proc/sys') for name in names)",
    "makes no namespace": "c.unshare(0x10000000) == 0",
    "mounts nothing": "c.mount(b'x', b'/tmp', b'tmpfs', 0, None) == 0",
    "writes into no folder":
        "sum(can(f'{p}/trace', os.O_WRONLY | os.O_CREAT) for p in ('', '/dev', '/job', '/usr/bin', PREFIX))",
    "sees no files of others":
        "sum(map(os.path.exists, ('/usr/share', '/usr/local/share', '/home', '/srv', '/var', '/etc/passwd')))",
    "sees no course": "sum('course_lib' in names + folders for _, folders, names in os.walk(COURSE))",
    "reads no keyring": "c.syscall(KEYCTL, 10, -3, b'user', SECRET, 0) != -1",
    "holds no way to the grader":
        "sum(can(f'/proc/{os.getppid()}/{part}', os.O_RDONLY) for part in ('fd', 'mem', 'environ'))",
    "has bounded folders": "sum(s.f_blocks * s.f_frsize > 2**28 for s in map(os.statvfs, ('/tmp', '/dev/shm')))",
    "has no memory in no process":
        "sum(got != -1 for got in (c.memfd_create(b'x', 0), c.shmget(0, 2**20, 0o1666), c.msgget(0, 0o1666),"
        " c.mq_open(b'/x', 0o102, 0o600, None), shared(-1), shared(os.open('/dev/zero', os.O_RDWR))))",
    "has no network": "sum(name != 'lo' for _, name in __import__('socket').if_nameindex())",
    "sees nobody else": "sum(int(n) > 64 for n in os.listdir('/proc') if n.isdigit())",
}  # fmt: skip
CODE = """
import ctypes, os
c, KEYCTL, SECRET = ctypes.CDLL(None), {"x86_64": 250, "aarch64": 219}[os.uname().machine], %r
COURSE, PREFIX = %r, %r
def can(path, flags):
    try:
        os.close(os.open(path, flags))
        return 1
    except OSError:
        return 0
def shared(file):
    c.mmap.restype = ctypes.c_ssize_t
    return c.mmap(None, ctypes.c_size_t(4096), 3, 1 if file >= 0 else 0x21, file, ctypes.c_long(0))
def project_box(delta, start, radius):
    return torch.tensor([float(way) for way in (%s)])
"""


SHORT_LIVES = """
import os, time
def project_box(delta, start, radius):
    while time.monotonic() < begin + 30:
        ended, alive = os.pipe()
        if not os.fork():
            if not os.fork():
                end = time.process_time() + 0.5
                while time.process_time() < end: pass
            os._exit(0)
        os.close(alive)
        os.wait()
        os.read(ended, 1)
        os.close(ended)
    return delta
begin = time.monotonic()
"""


def ran(code: str, job: Path, limits: Limits) -> Answer:
    """What comes of students' code in the sandbox."""
    hidden = Hidden.sample(exercise(NAME), 0)
    (job / f"{NAME}.safetensors").write_bytes(hidden.packed())
    (answer,) = sandbox.collect({NAME: hidden.task([code])}, job, limits=limits)
    return answer


def reached(job: Path) -> list[float]:
    """What each way reached."""
    code = CODE % (SECRET, str(ROOT), sys.prefix, ", ".join(WAYS.values()))
    answer = ran(code, job, Limits(seconds=20))
    assert answer.status == "ran", answer.message
    return [float(number) for number in load(answer.content)["0/result"]]


@pytest.fixture(scope="module", params=["as it is", "as a user"][: 1 + (os.geteuid() == 0)])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """By this user; and, where this is root, by nobody, from the first of the two sandboxes that root has."""
    needed(sandbox.available(), NO_BUBBLEWRAP)
    keys = {"x86_64": 248, "aarch64": 217}[os.uname().machine]
    ctypes.CDLL(None).syscall(keys, b"user", SECRET, b"x", 1, -3)  # add_key, to this session's keyring
    job = tmp_path_factory.mktemp("box") / "job"
    job.mkdir()
    if request.param == "as it is":
        return dict(zip(WAYS, reached(job), strict=True))
    command = sandbox.bubblewrap(job)
    first = command[: command.index("--") + 1]
    first[first.index("--remount-ro") : first.index("--remount-ro")] = ["--perms", "1777", "--tmpfs", "/tmp"]
    seen = [word for name in ("course_lib", "tests") for word in ("--ro-bind", str(ROOT / name), f"/tmp/{name}")]
    first[first.index("--remount-ro") : first.index("--remount-ro")] = seen
    code = "import pathlib, tempfile\nfrom tests.grading.test_isolation import reached\n"
    code += "print(reached(pathlib.Path(tempfile.mkdtemp())))"
    environment = os.environ | {"PYTHONPATH": "/tmp", "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/tmp"}
    process = subprocess.run([*first, sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return dict(zip(WAYS, map(float, process.stdout.strip("[]\n ").split(",")), strict=True))


def test_students_code_reaches_nothing(found: dict[str, float]) -> None:
    assert {way: count for way, count in found.items() if count} == {}


def test_the_time_of_short_lives_counts(tmp_path: Path) -> None:
    """Also of processes whose parents ended before: nobody waits for them but the sandbox itself."""
    needed(sandbox.available(), NO_BUBBLEWRAP)
    assert ran(SHORT_LIVES, tmp_path, Limits(seconds=2, patience=1000)).status == "timeout"
