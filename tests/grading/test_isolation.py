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
from course_lib.grading.sandbox import Limits
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
def project_box(delta, start, radius):
    return torch.tensor([float(way) for way in (%s)])
"""


def reached(job: Path) -> list[float]:
    """What each way reached, from students' code in the sandbox."""
    hidden = Hidden.sample(exercise(NAME), 0)
    (job / f"{NAME}.safetensors").write_bytes(hidden.packed())
    code = CODE % (SECRET, str(ROOT), sys.prefix, ", ".join(WAYS.values()))
    (answer,) = sandbox.collect({NAME: hidden.task([code])}, job, limits=Limits(seconds=20))
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
    ran = subprocess.run([*first, sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return dict(zip(WAYS, map(float, ran.stdout.strip("[]\n ").split(",")), strict=True))


def test_students_code_reaches_nothing(found: dict[str, float]) -> None:
    assert {way: count for way, count in found.items() if count} == {}
