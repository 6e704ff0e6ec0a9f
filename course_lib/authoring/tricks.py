"""What tricks buy and what robustness buys: the same number of gradients, spent with and without them by both models.

The code that is measured is the notebook's own, a cell of 02. Every picture is judged by all of the testbed's judges
and by its power spectrum.
"""

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from course_lib import tasks, testbeds
from course_lib.authoring.provenance import of_testbed
from course_lib.authoring.results import add_results
from course_lib.constraints import L2Ball
from course_lib.measuring.intervals import bootstrap, rounded, wilson
from course_lib.measuring.judging import certainty, in_batches, judged
from course_lib.measuring.scores import spectrum_slope
from course_lib.prepared import best_device
from course_lib.storage.files import DATA, RESULTS
from course_lib.testbeds import Testbed

FILE = RESULTS / "tricks.json"
NOTEBOOK, CELL = DATA.parent / "notebooks" / "02_targeted_pgd.ipynb", "tricks-code"


def shown(notebook: Path = NOTEBOOK) -> Any:
    """What the notebook's cell defines: GRADIENTS, TRICKS, STARTS, start_from and tricky."""
    (source,) = (cell["source"] for cell in json.loads(notebook.read_text())["cells"] if cell["id"] == CELL)
    names: dict[str, Any] = {**vars(tasks), "L2Ball": L2Ball}
    exec("".join(source), names)
    return SimpleNamespace(**names)


def row(testbed: Testbed, images: Tensor, labels: Tensor) -> dict[str, Any]:
    """The share that each judge takes for the wanted class, and the spectrum's mean slope: [value, low, high] each."""
    seen = {name: wilson(judged(judge, images, labels).cpu()) for name, judge in testbed.judges.items()}
    return {"judged": seen, "slope": bootstrap(spectrum_slope(images))}


def measured(testbed: Testbed, *, count: int) -> dict[str, Any]:
    """For each start its own row, and for each model a row of each trick with the model's own mean probability."""
    cell, device = shown(), best_device()
    labels, rows = (torch.arange(count) % len(testbed.classes)).to(device), {}
    for kind in cell.STARTS:
        start = cell.start_from(kind, count, testbed.resolution).to(device)
        rows[kind] = {"start": row(testbed, start, labels)}
        for role, model in testbed.models.items():
            for trick, how in cell.TRICKS.items():
                images = in_batches(partial(cell.tricky, model, kind=kind, **how), start, labels)
                own = {"own probability": certainty(model, images, labels).mean().item()}
                rows[kind].setdefault(role, {})[trick] = row(testbed, images, labels) | own
                print(kind, role, trick, rows[kind][role][trick], flush=True)
    return {"pictures": count, "gradients": cell.GRADIENTS, "rows": rows}


def tricks(arguments: Sequence[str]) -> None:
    """Measure one testbed, into data/results/tricks.json."""
    parser = argparse.ArgumentParser(prog="python -m course_lib tricks", description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200, help="pictures of each row (default: %(default)s)")
    count, testbed = parser.parse_args(arguments).count, testbeds.load(default="imagenette-128")
    found = rounded(measured(testbed, count=count)) | {"provenance": of_testbed(testbed, tuned=False)}
    add_results(FILE, {testbed.name: found})
