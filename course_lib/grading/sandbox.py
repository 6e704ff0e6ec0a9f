"""Start a process that can read the system's programs and nothing else, writes nothing that lasts, has no network."""

import json
import os
import select
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.checks.asking import SECONDS
from course_lib.one_line import OneLine
from course_lib.storage.files import PACKAGE

RUNNER = [Path(__file__).parents[1] / name for name in ("grading/runner.py", "grading/watching.py", "checks/asking.py")]
LONGEST = 4096  # bytes of the head of an answer
MOST_BYTES = 64 * 2**20  # that a submission's outputs may have, all together
SCRATCH = str(256 * 2**20)  # bytes of each folder that students' code may write into
START = 60.0  # seconds that Python and torch may take to start
SYSTEM = ("/usr/bin", "/usr/lib", "/usr/lib64", "/usr/local/bin", "/usr/local/lib", "/bin", "/lib", "/lib64")
PARTS = ("bin", "lib", "lib64", "pyvenv.cfg")  # of a place where Python is
NOBODY = "65534"


@dataclass(frozen=True, repr=False)
class Limits(OneLine):
    """For each exercise: seconds, megabytes beyond what torch itself takes, processes; and how often these seconds.

    Seconds are of processor time or sleep. On the clock, where the machine is busy, it may be `patience` times as long.
    """

    seconds: float = SECONDS
    megabytes: float = 1500.0
    processes: float = 64.0
    patience: float = 6.0


def available() -> bool:
    """Whether bubblewrap is here and works: some systems forbid what it needs."""
    if shutil.which("bwrap") is None:
        return False
    return subprocess.run([*bubblewrap(Path("/usr")), "/usr/bin/true"], capture_output=True).returncode == 0


def bubblewrap(job: Path) -> list[str]:
    """The command that isolates: new namespaces for everything, no capabilities, system read-only, job at /job.

    Root is dropped before that: in a first sandbox that shows the same, since others may not read where Python is.
    """
    roots = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent}
    shown = [*SYSTEM, "/etc/ld.so.cache", "/etc/alternatives", *(str(root / part) for root in roots for part in PARTS)]
    seen = [word for path in shown for word in ("--ro-bind-try", path, path)]
    root, place = os.geteuid() == 0, "/job" if os.geteuid() == 0 else str(job)
    command = ["bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"]
    command += ["--cap-drop", "ALL", "--clearenv", "--setenv", "HOME", "/tmp"]
    command += ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--dev", "/dev"]
    command += ["--size", SCRATCH, "--tmpfs", "/dev/shm", "--remount-ro", "/dev", "--size", SCRATCH, "--tmpfs", "/tmp"]
    installed = Path(sysconfig.get_path("purelib")) / "course_lib"
    hidden = ["--tmpfs", str(installed), "--remount-ro", str(installed)] if installed.is_dir() else []
    command += [*seen, *hidden, "--ro-bind", place, "/job", "--chdir", "/tmp", "--remount-ro", "/"]
    if not root:
        return command
    first = ["bwrap", "--die-with-parent", "--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    above = sorted({str(parent) for path in shown for parent in Path(path).parents})
    first += [word for path in above[1:] for word in ("--perms", "0755", "--dir", path)]
    first += ["--bind", "/proc", "/proc", "--dev-bind", "/dev", "/dev", "--tmpfs", "/tmp", *seen]
    drop = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"]
    return [*first, "--ro-bind", str(job), "/job", "--remount-ro", "/", *drop, *command]


@dataclass(frozen=True, repr=False)
class Answer(OneLine):
    """What came of one exercise: a status ("ran", "error", "timeout", "memory"), a message, outputs as safetensors."""

    exercise: str
    status: str
    message: str
    seconds: float
    content: bytes


def collect(exercises: Mapping[str, Any], job: Path, *, limits: Limits, course: bool = False) -> list[Answer]:
    """Run the exercises whose inputs lie in the folder `job`; those that gave no answer are left out.

    With `course`, the library is at hand: for its own reference solutions, and never for students' code.
    """
    for file in RUNNER:
        shutil.copy(file, job)
    if course:
        shutil.copytree(PACKAGE, job / "course_lib", ignore=shutil.ignore_patterns("data"))
    imports = ["course_lib.checks.report"] if course else []
    (job / "job.json").write_text(json.dumps({"exercises": exercises, "limits": vars(limits), "imports": imports}))
    for path in (job, *job.rglob("*")):
        path.chmod(0o755)  # for nobody
    command = [*bubblewrap(job), sys.executable, "/job/runner.py"]
    pipes: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **pipes) as process:
        output = heard(process.stdout, START + limits.patience * limits.seconds)
        process.kill()
    return list(parsed(output, exercises))


def heard(stream: Any, patience: float) -> bytes:
    """What comes, until it ends, is too much, or does not come for so many seconds."""
    output = bytearray()
    while len(output) < MOST_BYTES and select.select([stream], [], [], patience)[0]:
        part = os.read(stream.fileno(), 2**20)
        if not part:
            break
        output += part
    return bytes(output)


def parsed(output: bytes, exercises: Mapping[str, Any]) -> Iterator[Answer]:
    """Answers from what a runner wrote; reading ends where it makes no sense, since a student may have written it."""
    left = set(exercises)
    while output:
        line, _, output = output.partition(b"\n")
        try:
            head = json.loads(line[:LONGEST])
            size, name = int(head["bytes"]), str(head["exercise"])
            answer = Answer(
                name, str(head["status"]), str(head["message"])[:400], float(head["seconds"]), output[:size]
            )
        except Exception:  # such as numbers without end and lists in lists in lists
            return
        if name not in left or size < 0 or len(answer.content) < size:
            return
        left.remove(name)
        output = output[size:]
        yield answer
