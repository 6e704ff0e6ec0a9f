"""Our grader inside nbgrader: `nbgrader autograde` fills its gradebook with scores that come from the sandbox.

nbgrader itself would run students' code as the lecturer, with the hidden tests in reach. `Isolated` stands in its
`Execute`'s place (see nbgrader_config.py): it writes each score under the cell that carries the points, where nbgrader
reads it, and formgrader and feedback show what holds and what does not.
"""

from pathlib import Path
from typing import Any

from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader import utils
from nbgrader.preprocessors import NbGraderPreprocessor

from course_lib.checks.report import exercises
from course_lib.grading import sandbox
from course_lib.grading.cells import cells, chosen, exercise_of
from course_lib.grading.command import UNSAFE, seed_of
from course_lib.grading.grade import Grader
from course_lib.grading.marks import AGAIN, Mark
from course_lib.grading.reports import about
from course_lib.grading.sandbox import Limits
from course_lib.grading.submissions import Submission

PLAIN = {"text/plain", "image/png", "image/jpeg"}  # what a browser shows, and does not run
OUT = Path("grades")  # in the course folder, where the seed of the hidden inputs is kept


class Isolated(NbGraderPreprocessor):
    """Scores every exercise of a notebook in the sandbox; runs no cell of it, and leaves formgrader nothing to run."""

    def preprocess(self, notebook: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        if not sandbox.available():
            raise RuntimeError(UNSAFE)
        sources, _ = chosen([("", list(cells(notebook)))])
        names = [name for name in exercises() if name.startswith(f"{resources['nbgrader']['assignment']}.")]
        OUT.mkdir(exist_ok=True)
        grader = Grader(names, seed=seed_of(OUT, None), limits=Limits())
        marked = grader.grade(Submission(resources["nbgrader"]["student"], sources, (), ""))
        if not marked.whole:
            raise RuntimeError(AGAIN)
        marks = {mark.exercise: mark for mark in marked.marks}
        for cell in notebook.cells:
            harmless(cell)
            if mark := marks.get(exercise_of(cell, "check-")):
                cell.outputs = shown(mark)
        return notebook, resources


def harmless(cell: NotebookNode) -> None:
    """Take from a cell what a browser would run: formgrader shows it to the lecturer, with the lecturer's rights."""
    ours = cell.source if utils.is_locked(cell) else None  # nbgrader has put the course's own text back
    SanitizeHTML(safe_output_keys=PLAIN).preprocess_cell(cell, {}, 0)
    cell.source = ours or cell.source.replace("&gt;", ">")  # quotations; it opens nothing
    for data in cell.get("attachments", {}).values():
        for kind in data.keys() - PLAIN:
            del data[kind]


def shown(mark: Mark) -> list[NotebookNode]:
    """What stands under a cell with points: what holds and what does not, and the score, which nbgrader reads."""
    report = new_output("display_data", {"text/html": "".join(about(mark)), "text/plain": mark.said})
    return [report, new_output("execute_result", {"text/plain": f"{mark.points:g}"}, execution_count=1)]
