"""Write what students get of the problem sets, from their masters: `make release`.

nbgrader's `generate_assignment` does it, with the settings in the course folder: it takes the solutions out, locks the
cells that are graded, and notes in its gradebook what is to be graded.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

COURSE = Path(__file__).parents[2] / "notebooks" / "exercises"


def nbgrader(course: Path, *arguments: str) -> None:
    """Run nbgrader in a course folder; CalledProcessError where it fails. It looks for its tools on the PATH."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = [sys.executable, "-m", "nbgrader", *arguments, "--log-level=WARN"]
    subprocess.run(command, cwd=course, env=os.environ | {"PATH": path}, check=True)


def release(arguments: Sequence[str]) -> None:
    argparse.ArgumentParser(prog="python -m course_lib release", description=__doc__).parse_args(arguments)
    nbgrader(COURSE, "generate_assignment", "ps*", "--force")
