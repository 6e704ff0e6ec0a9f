"""`make mutants`: cosmic-ray changes the core in every way that it knows, in a copy; what no test notices is listed.

`make mutants MODULES="constraints pgd"` takes these modules alone.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.tools.lab import COURSE

TESTED = {  # which tests have to notice a change; the quickest come first
    "constraints": "tests/core/test_constraints.py tests/core/test_pgd.py",
    "pgd": "tests/core/test_pgd.py tests/core/test_parity.py",
    "tasks": "tests/core/test_tasks.py tests/core/test_doors.py",
    "seeds": "tests/core/test_seeds.py",
    "training/loop": "tests/training/test_loop.py",
}
PATIENCE = 120  # seconds: a mutant that takes longer is killed, which counts
SETTINGS = """
[cosmic-ray]
module-path = "course_lib/{module}.py"
timeout = {patience}
excluded-modules = []
test-command = "{python} -m pytest -x -q -p no:cacheprovider --no-header {tests}"
[cosmic-ray.distributor]
name = "local"
"""


def survivors(module: str, course: Path) -> str:
    """What cosmic-ray reports of this module: each mutant that lives, and their share."""
    settings, session = course / "mutants.toml", course / f"{module.replace('/', '-')}.sqlite"
    words = {"module": module, "patience": PATIENCE, "python": sys.executable, "tests": TESTED[module]}
    settings.write_text(SETTINGS.format(**words))
    program = str(Path(sys.executable).with_name("cosmic-ray"))
    for step in ("init", "exec"):
        subprocess.run([program, step, settings.name, session.name], cwd=course, check=True)
    report = [str(Path(sys.executable).with_name("cr-report")), "--surviving-only", "--show-diff", session.name]
    return subprocess.run(report, cwd=course, check=True, capture_output=True, text=True).stdout


def main() -> None:
    """In a copy of what git tracks: mutants are written into the files."""
    with tempfile.TemporaryDirectory() as folder:
        tracked = subprocess.run(["git", "ls-files"], cwd=COURSE, check=True, capture_output=True, text=True).stdout
        for name in tracked.splitlines():
            (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(COURSE / name, Path(folder) / name)
        for module in os.environ.get("MODULES", "").split() or TESTED:
            print(f"--- {module}\n{survivors(module, Path(folder))}", flush=True)


if __name__ == "__main__":
    main()
