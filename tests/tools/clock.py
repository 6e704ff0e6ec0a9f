"""How long the cells of notebooks take: ``python -m tests.tools.clock notebooks/*.ipynb``, at full length.

What is counted is the processor time of a kernel with one thread. A busy machine changes it little, and two idle cores
never need longer: the second core is the margin.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat
import psutil
from nbclient import NotebookClient


class Cell(NamedTuple):
    """A code cell by its number, its first line, and the processor's seconds for it."""

    number: int
    line: str
    seconds: float


def cells(path: Path) -> Iterator[Cell]:
    """Run a notebook from the top, and give each code cell once it has run."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=3600, resources={"metadata": {"path": path.parent}})
    environment = {name: value for name, value in os.environ.items() if name != "COURSE_FAST"}
    with client.setup_kernel(env=environment | {"OMP_NUM_THREADS": "1"}):
        kernel = psutil.Process(client.km.provisioner.pid)
        code = [(place, cell) for place, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
        for number, (place, cell) in enumerate(code):
            before = spent(kernel)
            client.execute_cell(cell, place)
            yield Cell(number, cell.source.partition("\n")[0], spent(kernel) - before)


def spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system + times.children_user + times.children_system


def main(paths: list[str]) -> None:
    for path in map(Path, paths):
        total = 0.0
        for cell in cells(path):
            total += cell.seconds
            print(f"{cell.seconds:6.1f} s  [{cell.number:2}] {cell.line[:80]}", flush=True)
        print(f"{total:6.1f} s  {path.name}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
