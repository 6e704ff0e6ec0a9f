"""A class of made submissions to problem set 1, and what each of them has to be given.

Every kind of student occurs: right, wrong, unlucky and hostile. `hand_in` writes one of them into a folder.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_lib.checks.report import exercises
from tests.conftest import ROOT

COURSE = ROOT / "notebooks" / "exercises"
FULL = {name.removeprefix("ps1."): one.points for name, one in exercises().items() if name.startswith("ps1.")}
SECRET = "the hidden answer"
Marks = dict[str, tuple[float, str]]
"""Points and status by exercise of problem set 1; "a|b" where the machine's speed decides which status it is."""


def notebook(which: str, version: str = "source") -> NotebookNode:
    """A problem set's master, or what students get with `version` "release"."""
    return nbformat.read(COURSE / version / which / f"{which}.ipynb", as_version=4)


def cells(which: str) -> dict[str, str]:
    """The source of each solution cell of a master, by the exercise's name."""
    found = {cell.metadata.get("nbgrader", {}).get("grade_id", ""): cell for cell in notebook(which).cells}
    return {key.removeprefix(f"{which}-"): cell.source for key, cell in found.items()
            if key.startswith(f"{which}-") and cell.cell_type == "code"}  # fmt: skip


RIGHT = cells("ps1")


def cell(name: str, source: str) -> NotebookNode:
    return new_code_cell(source, metadata={"nbgrader": {"grade_id": f"ps1-{name}"}})


def written(folder: Path, *extra: NotebookNode, file: str = "ps1.ipynb", **changes: str) -> None:
    """A notebook with right answers and these changes; an empty source leaves a cell out."""
    folder.mkdir(parents=True, exist_ok=True)
    answers = [cell(name, source) for name, source in (RIGHT | changes).items() if source]
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Problem set 1"), *extra, *answers]), folder / file)


@dataclass(frozen=True)
class Kind:
    """What a student hands in, and the marks that differ from full ones."""

    write: Callable[[Path], None]
    marks: Marks
    note: str = ""

    @property
    def standing(self) -> Marks:
        return {name: (points, "ok") for name, points in FULL.items()} | self.marks


def lost(status: str, *names: str) -> Marks:
    return dict.fromkeys(names or FULL, (0.0, status))


def changed(status: str, **changes: str) -> Kind:
    """Right answers but for these cells, which lose their points with this status."""
    return Kind(lambda folder: written(folder, **changes), lost(status, *changes))


def raw(text: str, file: str = "ps1.ipynb") -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / file).write_text(text)

    return write


def released(folder: Path) -> None:
    folder.mkdir(parents=True)
    nbformat.write(notebook("ps1", "release"), folder / "ps1.ipynb")


def loud(folder: Path) -> None:
    """50 MB of output when it runs, and as much in the file."""
    noise = new_code_cell("print('x' * 50_000_000)", outputs=[new_output("stream", text="x" * 50_000_000)])
    shout = "import sys\nfor _ in range(50):\n    print('x' * 10**6)\n    print('y' * 10**6, file=sys.stderr)\n"
    written(folder, noise, project_patch=shout + RIGHT["project_patch"])


def widgets(folder: Path) -> None:
    slider = "import ipywidgets\nslider = ipywidgets.IntSlider()\nslider"
    state = {"application/vnd.jupyter.widget-view+json": {"model_id": "0", "version_major": 2, "version_minor": 0}}
    shown = new_code_cell(slider, outputs=[new_output("display_data", state)])
    written(folder, shown, project_box=f"{slider}\n{RIGHT['project_box']}")


def twice(folder: Path) -> None:
    second = cell("project_patch", "def project_patch(delta, mask, radius):\n    return delta")
    written(folder, new_code_cell("raise SystemExit"), second, project_box="%time\n" + RIGHT["project_box"])


FRIENDLY: dict[str, Kind] = {
    "right": Kind(written, {}),
    "renamed": Kind(lambda folder: written(folder / "my work", file="final (2).ipynb"), {}),
    "partly": Kind(
        lambda folder: written(
            folder,
            project_box="def project_box(delta, start, radius):\n    return delta.clamp(max=radius).minimum(1 - start)",
        ),
        {"project_box": (1.0, "wrong")},
    ),
    "untouched": Kind(released, lost("error")),
    "nothing": Kind(lambda folder: folder.mkdir(parents=True), lost("missing")),
    "syntax": changed("error", project_patch="def project_patch(delta, mask, radius)\n    return delta"),
    "loop": changed("timeout", project_box="while True:\n    pass"),
    "memory": changed("memory", direction_sparse="x = torch.zeros(10**11)"),
    "bomb": changed("error|timeout", project_box="import os\nwhile True:\n    os.fork()"),
    "deleted": Kind(lambda folder: written(folder, direction_sparse=""), lost("missing", "direction_sparse")),
    "twice": Kind(twice, {}, "ps1.project_patch: 2 cells, run in their order"),
    "types": changed(
        "error",
        direction_sparse="def direction_sparse(gradient, count):\n    return [1, 2]",
        project_box="def project_box(delta, start, radius):\n    return delta.numpy()",
        project_patch="project_patch = 3",
    ),
    "widgets": Kind(widgets, {}),
    "loud": Kind(loud, {}),
    "torn": Kind(raw("{not json"), lost("missing"), "cannot be read as a notebook"),
    "foreign": Kind(raw(json.dumps({"cells": 3})), lost("missing"), "cannot be read as a notebook"),
    "gone": changed("error", project_box="import os\nos._exit(0)"),
}


READ_ANSWERS = """
import sys
sys.path.insert(0, "REPOSITORY")
from course_lib.checks.ps1 import PROJECT_PATCH
project_patch = PROJECT_PATCH.reference
"""
READ_SECRET = 'SECRET = open("OUTSIDE/secret").read()'
READ_EXPECTED = """
import glob
open(glob.glob("/job/*expected*")[0])
"""
CALL_HOME = """
import socket
socket.create_connection(("127.0.0.1", 22), timeout=1)
"""
WRITE_OUTSIDE = 'open("OUTSIDE/trace", "w").write("was here")'
CHANGE_RUNNER = 'open("/job/runner.py", "a").write("pass")'
REPLACE_COMPARISONS = """
torch.allclose = torch.equal = lambda *a, **k: True
torch.Tensor.__eq__ = lambda *a: torch.ones(1)
"""
REPLACE_CHECK = """
import asking, builtins
builtins.check = builtins.assert_ = lambda *a: True
asking.tensor = lambda *a: torch.zeros(3, 3, 8, 8)
"""
SPOOF_RESULT = """
import os
open("/tmp/result.json", "w").write('{"status": "ran", "message": ""}')
open("/tmp/result.safetensors", "wb").write(b"all right")
os._exit(0)
"""
SPOOF_PICKLE = SPOOF_RESULT.replace('b"all right"', "__import__('pickle').dumps(print)")
RETURN_PICKLE = """
import pickle

class Bad:
    def __reduce__(self):
        return open, ("OUTSIDE/trace", "w")

def project_box(delta, start, radius):
    return pickle.dumps(Bad())
"""
SPOOF_STREAM = """
import json, os
head = {"exercise": "ps1.margin_pgd", "status": "ran", "message": "", "seconds": 0, "bytes": 0}
for number in range(3, 64):
    try:
        os.write(number, json.dumps(head).encode())
    except OSError:
        pass
if os.fork() == 0:
    while True:
        os.fork()
"""
FORK_AWAY = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(3)
        open("OUTSIDE/trace", "w").write("was here")
    os._exit(0)
"""


def zeros(name: str) -> str:
    return f"\ndef {name}(*arguments, **named):\n    return torch.zeros(3, 3, 8, 8)\n"


def hostile(outside: Path) -> dict[str, Kind]:
    """Students who mean harm. They look for `outside / "secret"`, and try to leave something in that folder."""

    def attack(marks: Marks, **sources: str) -> Kind:
        places = {"OUTSIDE": str(outside), "REPOSITORY": str(ROOT)}
        for word, place in places.items():
            sources = {name: source.replace(word, place) for name, source in sources.items()}
        return Kind(lambda folder: written(folder, **sources), marks)

    def then_right(**sources: str) -> dict[str, str]:
        return {name: f"{source}\n{RIGHT[name]}" for name, source in sources.items()}

    reading = {"project_box": READ_SECRET, "direction_sparse": READ_EXPECTED}
    reaching = {"project_patch": CALL_HOME, "project_box": WRITE_OUTSIDE, "direction_sparse": CHANGE_RUNNER}
    return {
        "reader": attack(lost("error", "project_patch", *reading), project_patch=READ_ANSWERS, **then_right(**reading)),
        "caller": attack(lost("error", *reaching), **then_right(**reaching)),
        "patcher": attack(
            lost("wrong", "project_patch", "project_box"),
            project_patch=REPLACE_COMPARISONS + zeros("project_patch"),
            project_box=REPLACE_CHECK + zeros("project_box"),
        ),
        "spoofer": attack(
            lost("error", "project_patch", "direction_sparse", "project_box") | lost("wrong", "margin_pgd"),
            project_patch=SPOOF_RESULT,
            direction_sparse=SPOOF_PICKLE,
            project_box=RETURN_PICKLE,
            margin_pgd=SPOOF_STREAM + zeros("margin_pgd"),
        ),
        "leaver": attack({}, **then_right(project_patch=FORK_AWAY)),  # to fork is no crime: it ends with the process
    }
