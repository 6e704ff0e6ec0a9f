"""`make mutants`: cosmic-ray changes the core in every way that it knows, in a copy; what no test notices is listed.

`make mutants MODULES="constraints pgd"` takes these modules alone.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
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
        words = {"module": module, "patience": PATIENCE, "python": sys.executable, "tests": TESTED[module]}
        (Path(folder) / "mutants.toml").write_text(SETTINGS.format(**words))
        said(program("cosmic-ray"), "init", "mutants.toml", "session", folder=folder)
        said(program("cr-filter-operators"), "session", "mutants.toml", folder=folder)
        said(program("cosmic-ray"), "exec", "mutants.toml", "session", folder=folder)
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
    with ThreadPoolExecutor(2) as pool:
        for module, report in zip(modules, pool.map(survivors, modules), strict=True):
            print(f"--- {module}\n{report}", flush=True)


if __name__ == "__main__":
    main()
