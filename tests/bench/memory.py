"""The peak memory of each lecture's kernel: in fast mode, with one thread, on a machine without further pictures."""

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

LECTURES = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
LIMIT = 1500  # megabytes for a notebook
MARGIN = 0.95  # of the limit: what else a person does in a notebook


def memory() -> dict[str, Any]:
    """The megabytes of every lecture, one after the other."""
    found = {path.stem: peak(path) for path in LECTURES}
    return {"setting": "the largest resident memory of each kernel, in fast mode, one thread", "megabytes": found}


def peak(path: Path) -> int:
    """Run a notebook from the top: the most megabytes that its kernel held at a time."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=3600, resources={"metadata": {"path": path.parent}})
    with tempfile.TemporaryDirectory() as empty:
        own = {"COURSE_FAST": "1", "OMP_NUM_THREADS": "1", "COURSE_DATA": empty, "COURSE_CACHE": empty}
        with client.setup_kernel(env=os.environ | own):
            for place, cell in enumerate(notebook.cells):
                client.execute_cell(cell, place)
            status = Path(f"/proc/{client.km.provisioner.pid}/status").read_text()
    return round(int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024 / 1e6)
