"""Start a process that can read the system's programs and nothing else, writes nothing that lasts, has no network."""

import json
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.one_line import OneLine
from course_lib.storage.files import PACKAGE

RUNNER = (Path(__file__).parent / "runner.py", Path(__file__).parent.parent / "checks" / "asking.py")
LONGEST = 4096  # bytes of the head of an answer
MOST_BYTES = 64 * 2**20  # that a submission's outputs may have, all together
SCRATCH = 256 * 2**20  # bytes of the folder that students' code may write into
START = 60.0  # seconds that Python and torch may take to start
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives")


@dataclass(frozen=True, repr=False)
class Limits(OneLine):
    """For each exercise: seconds, megabytes beyond what torch itself takes, and processes in the sandbox."""

    seconds: float = 20.0
    megabytes: float = 1500.0
    processes: float = 64.0


def available() -> bool:
    """Whether bubblewrap is here and works: some systems forbid what it needs."""
    if shutil.which("bwrap") is None:
        return False
    return subprocess.run([*bubblewrap(Path("/usr")), "/usr/bin/true"], capture_output=True).returncode == 0


def bubblewrap(job: Path) -> list[str]:
    """The command that isolates: new namespaces for everything, no capabilities, system read-only, job at /job."""
    roots = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent}
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
    command += ["--proc", "/proc", "--dev", "/dev", "--size", str(SCRATCH), "--tmpfs", "/tmp"]
    for path in (*SYSTEM, *sorted(str(root) for root in roots if not str(root).startswith("/usr"))):
        command += ["--ro-bind-try", path, path]
    installed = Path(sysconfig.get_path("purelib")) / "course_lib"
    if installed.is_dir():
        command += ["--tmpfs", str(installed)]  # the library knows the answers
    return [*command, "--ro-bind", str(job), "/job", "--chdir", "/tmp", "--setenv", "HOME", "/tmp"]


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
    command = [*bubblewrap(job), sys.executable, "/job/runner.py"]
    pipes: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout is not None
        guard = threading.Timer(START + len(exercises) * (limits.seconds + 1), process.kill)
        guard.start()
        output = process.stdout.read(MOST_BYTES)  # and no more, whoever writes
        guard.cancel()
        process.kill()
    return list(parsed(output, exercises))


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
