"""`make mutants`: cosmic-ray changes the core in every way that it knows, in a copy; what no test notices is listed.

`make mutants MODULES="constraints pgd"` takes these modules alone.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.tools.forks import PATIENCE
from tests.tools.lab import COURSE

TESTED = {  # which tests have to notice a change; the quickest come first
    "constraints": "tests/core/test_constraints.py tests/core/test_pgd.py",
    "pgd": "tests/core/test_pgd.py tests/core/test_parity.py",
    "tasks": "tests/core/test_tasks.py tests/core/test_doors.py",
    "seeds": "tests/core/test_seeds.py",
    "training/loop": "tests/training/test_loop.py",
}
ASK = "import socket, sys; to = socket.socket(socket.AF_UNIX); to.connect('forks'); sys.exit(to.recv(1) != b'0')"
MOST = 0.05  # of all mutants may live; mutants.md says why they do
OPTIONS = ["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:unraisableexception"]
OPTIONS += ["--hypothesis-profile=mutants"]
SETTINGS = """
[cosmic-ray]
module-path = "course_lib/{module}.py"
timeout = {patience}
excluded-modules = []
test-command = '''{python} -S -c "{ask}"'''
[cosmic-ray.distributor]
name = "local"
[cosmic-ray.filters.operators-filter]
exclude-operators = ["core/ReplaceBinaryOperator_BitOr_.*"]  # all but one stand in types
"""


def survivors(module: str) -> str:
    """What cosmic-ray reports of this module: each mutant that lives, and their share.

    In a copy of what git tracks: mutants are written into the files.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name in said("git", "ls-files", folder=COURSE).splitlines():
            (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(COURSE / name, Path(folder) / name)
        words = {"module": module, "patience": 2 * PATIENCE, "python": sys.executable, "ask": ASK}
        (Path(folder) / "mutants.toml").write_text(SETTINGS.format(**words))
        said(program("cosmic-ray"), "init", "mutants.toml", "session", folder=folder)
        said(program("cr-filter-operators"), "session", "mutants.toml", folder=folder)
        forks = [sys.executable, "-m", "tests.tools.forks", "forks", *OPTIONS, *TESTED[module].split()]
        one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
        with subprocess.Popen(forks, cwd=folder, stdout=subprocess.PIPE, env=one_thread) as server:
            next(line for line in server.stdout or () if line == b"ready\n")
            said(program("cosmic-ray"), "exec", "mutants.toml", "session", folder=folder)
            server.kill()
        return said(program("cr-report"), "--surviving-only", "--show-diff", "session", folder=folder)


def said(*command: str, folder: Path | str) -> str:
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


def program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def main() -> None:
    """Two modules at a time, each on one core; those with most mutants first."""
    modules = os.environ.get("MODULES", "").split() or sorted(
        TESTED, key=lambda module: -len((COURSE / "course_lib" / f"{module}.py").read_bytes())
    )
    total = live = 0
    with ThreadPoolExecutor(2) as pool:
        for module, report in zip(modules, pool.map(survivors, modules), strict=True):
            print(f"--- {module}\n{report}", flush=True)
            total += int(re.findall(r"^total jobs: (\d+)", report, re.MULTILINE)[-1])
            live += int(re.findall(r"^surviving mutants: (\d+)", report, re.MULTILINE)[-1])
    sys.exit(f"expected at most {MOST:.0%} of {total} mutants to live, got {live}" if live > MOST * total else 0)


if __name__ == "__main__":
    main()
