"""The problem sets: masters that pass, student versions that give nothing away, and nbgrader's way through them.

`make test-full` runs all fourteen notebooks with nbval as well, each in a kernel of its own.
"""

import ast
import csv
import inspect
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_output

from course_lib.authoring.release import nbgrader
from course_lib.checks import Report, alone, attempt, check
from course_lib.checks.report import BY_HAND, SETS, exercise, exercises
from course_lib.grading import sandbox
from tests.notebooks.test_notebooks import (
    HEADING,
    code_problems,
    heading_problems,
    link_problems,
    plain,
    without_code,
)
from tests.tools.classroom import COURSE, RIGHT, notebook
from tests.tools.programs import NO_BUBBLEWRAP, needed

ALL_RIGHT = exercise("ps1.project_box").reference
VERSIONS = ("source", "release")
BOTH = [(name, version) for name in SETS for version in VERSIONS]
MOST_WORDS, MOST_BYTES, SHORTEST_LEAK = 2000, 60_000, 12
MARKS = re.compile(
    r"^(?:●○○ easy|●●○ medium|●●● hard) · (?:core|useful|extra) · \d+ minutes · (\d+) points$", re.MULTILINE
)
PREMISES: dict[str, Callable[[dict[Any, Any]], bool]] = {  # what the question for a reflection rests on
    "ps1": lambda p: bool(p["standard", "itself"].mean() > 0.9 and p["robust", "judge"].min() < 0.5),
    "ps2": lambda p: p["1 step"] > p["10 steps"] >= p["10 steps from 2 starts"],
    "ps3": lambda p: (
        p["multivariate", "the starts themselves"][0] > 0.5
        and p["uniform", "after 20 steps, robust"][1] > p["uniform", "the starts themselves"][0]
    ),
    "ps4": lambda p: bool(((p["PSNR"] < 0) & (p["judge"] > 0)).any()),
    "ps5": lambda p: p["test pictures"][1] < p["made by the robust model"][1],
    "ps7": lambda p: p["robust", "the judge"][1] > p["standard", "the judge"][2],
}
COVERED = {  # the sets that ask about each lecture
    "00": "ps7", "01": "ps2", "02": "ps1", "03": "ps3", "04": "ps7", "05": "ps4", "06": "ps4", "07": "ps4", "08": "ps7",
    "09": "ps4", "10": "ps5", "11": "ps2",
}  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COURSE_FAST", "1")


def graded(cell: NotebookNode) -> dict[str, Any]:
    return dict(cell.metadata.get("nbgrader", {}))


@pytest.mark.parametrize(("name", "version"), BOTH)
def test_a_problem_set_keeps_the_rules(name: str, version: str) -> None:
    path = COURSE / version / name / f"{name}.ipynb"
    assert path.stat().st_size < MOST_BYTES
    found = notebook(name, version)
    text = "\n\n".join(without_code(cell.source) for cell in found.cells if cell.cell_type == "markdown")
    assert list(heading_problems([len(level) for level in HEADING.findall(text)])) == []
    assert list(link_problems(text, path.parent)) == []
    assert list(code_problems(found.cells)) == []
    assert len(text.split()) < MOST_WORDS
    assert found.metadata.kernelspec.name == "python3"
    assert not any(cell.get("outputs") for cell in found.cells)
    for words in ("**You will learn**", "**You should know**", "**Time:**", "graded alone"):
        assert words in found.cells[0].source


@pytest.mark.parametrize(("name", "version"), BOTH)
def test_every_exercise_has_all_its_parts_in_order(name: str, version: str) -> None:
    found = notebook(name, version)
    order = [one for one in exercises() if one.startswith(f"{name}.")]
    solutions = [cell for cell in found.cells if graded(cell).get("solution") and cell.cell_type == "code"]
    assert [graded(cell)["grade_id"].replace("-", ".", 1) for cell in solutions] == order
    for one, cell in zip(order, solutions, strict=True):
        function, place = one.partition(".")[2], found.cells.index(cell)
        before = [earlier.source for earlier in found.cells[:place] if "**Goal.**" in earlier.source][-1]
        test, hints, picture = found.cells[place + 1 : place + 4]
        assert "> **Predict.**" in before
        (points,) = [float(number) for number in MARKS.findall(before)]
        assert points == graded(test)["points"] == exercise(one).points
        assert test.source == f'check("{one}", {function})'
        assert graded(test)["locked"]
        assert graded(test)["grade"]
        assert hints.source.count("<details>") == 2
        assert "**Look for**" in hints.source
        assert f"{function}(" in picture.source or f"{function}}}" in picture.source
        assert picture.source.endswith("attempt(picture)")
        assert "plots.described(" in picture.source


@pytest.mark.parametrize("name", SETS)
def test_a_stub_has_types_shapes_and_the_right_arguments(name: str) -> None:
    for cell in notebook(name, "release").cells:
        if cell.cell_type == "code" and graded(cell).get("solution"):
            (function,) = ast.parse(cell.source).body
            assert isinstance(function, ast.FunctionDef)
            one = exercise(f"{name}.{function.name}")
            inputs = dict(next(iter(one.cases(torch.Generator().manual_seed(0)))))
            wanted = [{"weights": "model"}.get(key, key) if one.ask.model else key for key in inputs]
            wanted = [key for key in wanted if key != "delta"] + ["attack"] if one.ask.attack else wanted
            assert [argument.arg for argument in function.args.args] == wanted
            typed = [argument.annotation is not None for argument in function.args.args if argument.arg != "attack"]
            assert all(typed)
            assert function.returns is not None
            assert "Returns" in str(ast.get_docstring(function))
            assert ast.unparse(function.body[-1]) == "raise NotImplementedError('your turn')"


@pytest.mark.parametrize(("name", "version"), BOTH)
def test_there_is_a_reflection_which_is_graded_by_hand(name: str, version: str) -> None:
    (cell,) = [cell for cell in notebook(name, version).cells if graded(cell).get("grade_id") == f"{name}-reflection"]
    assert cell.cell_type == "markdown"
    assert graded(cell)["grade"]
    assert graded(cell)["solution"]
    assert graded(cell)["points"] == 5
    assert (cell.source == "*Your answer.*") == (version == "release")
    items = [graded(cell)["grade_id"] for cell in notebook(name, version).cells if graded(cell).get("task") is False]
    by_hand = [item.partition("-")[2] for item in items if item.endswith(("-reflection", "-project"))]
    assert by_hand == list(BY_HAND.get(name, ("reflection",)))


def test_every_lecture_has_an_exercise_that_says_so() -> None:
    for number, name in COVERED.items():
        linked = re.findall(r"\.\./(\d\d)_\w+\.ipynb", notebook(name, "release").cells[0].source)
        named = [one.read for one in exercises().values() if one.name.startswith(f"{name}.")]
        assert number in linked
        assert any(re.search(rf"notebooks? (?:\d\d and )?{number}\b", read) for read in named), number


def results(found: NotebookNode, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run a notebook in this process: the value of each code cell's last expression, by the cell's id."""
    space: dict[str, Any] = {"__name__": "__main__"}
    values, history = {}, [""]
    monkeypatch.setattr(alone, "history", lambda: history)
    for cell in found.cells:
        if cell.cell_type == "code":
            history.append(cell.source)
            values[cell.id] = run(cell.source, space)
    return values | {"premise": space.get("premise", {})}


def run(source: str, space: dict[str, Any]) -> Any:
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), space)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), space) if isinstance(last, ast.Expr) else None


@pytest.mark.parametrize("name", SETS)
def test_a_master_passes_every_check_and_draws_every_picture(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    values = results(notebook(name), monkeypatch)
    checks = {key: value for key, value in values.items() if isinstance(value, Report)}
    assert [str(report) for report in checks.values() if not report.passed] == []
    assert len(checks) == len([one for one in exercises() if one.startswith(f"{name}.")])
    pictures = [value for key, value in values.items() if key.endswith("-picture")]
    assert len(pictures) == len(checks)
    assert all('<img alt="' in getattr(picture, "data", "") for picture in pictures), pictures
    assert capsys.readouterr().out.count("passed") == len(checks)
    assert name not in PREMISES or PREMISES[name](values["premise"])


@pytest.mark.parametrize("name", SETS)
def test_an_untouched_student_version_runs_and_says_what_to_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = results(notebook(name, "release"), monkeypatch)
    for key, value in values.items():
        if key.endswith("-check"):
            assert "✗ not written yet: replace `raise NotImplementedError`" in str(value)
        if key.endswith("-picture"):
            assert str(value).startswith("No picture yet: it needs the function above.")


def test_a_picture_says_in_a_sentence_what_is_wrong() -> None:
    assert attempt(lambda: "a picture") == "a picture"
    note = attempt(lambda: torch.zeros(2) + torch.zeros(3))
    assert repr(note).startswith("No picture: your function ended in RuntimeError: The size of tensor a (2)")
    assert "Traceback" not in note


def test_nbgrader_sees_a_check_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    assert check("ps1.project_box", ALL_RIGHT).passed
    with pytest.raises(AssertionError, match="✗ ends within the L-infinity ball"):
        check("ps1.project_box", lambda delta, start, radius: delta)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the course folder whose student versions are written anew, with a gradebook."""
    folder = tmp_path_factory.mktemp("course") / "exercises"
    shutil.copytree(COURSE, folder, ignore=shutil.ignore_patterns("release", "gradebook.db", "grades", "submitted"))
    nbgrader(folder, "generate_assignment", "ps*")
    return folder


def test_the_student_versions_are_those_of_the_masters(course: Path) -> None:
    """Red after a change of a master: run `make release`."""
    fresh = {path.relative_to(course / "release"): path.read_text() for path in course.glob("release/*/*")}
    stored = {path.relative_to(COURSE / "release"): path.read_text() for path in (COURSE / "release").glob("*/*")}
    assert fresh.keys() == stored.keys()
    assert [name for name in fresh if fresh[name] != stored[name]] == []


@pytest.mark.parametrize("name", SETS)
def test_a_student_version_gives_nothing_away(name: str) -> None:
    assert list(leaks(name, notebook(name, "release"))) == []


def leaks(name: str, released: NotebookNode) -> Iterator[str]:
    """What a student version has of solutions, references, notes on grading, or messages about mistakes."""
    text = "\n".join(plain(cell.source) for cell in released.cells)
    yield from (marker for marker in ("BEGIN SOLUTION", "END SOLUTION", "Grading:") if plain(marker) in text)
    for line in secrets(name):
        if len(plain(line)) >= SHORTEST_LEAK and plain(line) in text:
            yield line


def secrets(name: str) -> Iterator[str]:
    """Lines of a problem set's solutions and references, and what is said of mistakes; not what a bug hunt prints."""
    printed = {
        plain(line) for cell in notebook(name).cells if "published" in cell.id for line in cell.source.splitlines()
    }
    yield from (line for line in all_secrets(name) if plain(line) not in printed)


def all_secrets(name: str) -> Iterator[str]:
    for cell in notebook(name).cells:
        if graded(cell).get("solution"):  # where no region is marked, the whole cell is one
            inside = cell.source.partition("### BEGIN SOLUTION\n")[2].partition("### END SOLUTION")[0]
            yield from (inside or cell.source).splitlines()
    for one in exercises().values():
        if one.name.startswith(f"{name}."):
            yield from one.wrong
            yield from (
                code(line) for line in inspect.getsource(getattr(one.reference, "func", one.reference)).splitlines()
            )


def code(line: str) -> str:
    """A line without what only names things: a definition's head, a docstring, a lambda's arguments."""
    return "" if re.match(r'\s*(def |""")', line) else re.sub(r"^.*?lambda[^:]*:", "", line)


@pytest.mark.parametrize(
    "line",
    [
        "highest = (1 - start).clamp(max=radius)",
        "-gradient.sign() * places(gradient.abs(), count),",
        "Only the patch is cut out: nothing is shortened.",
        "### END SOLUTION",
        "Grading: 2",
    ],
)
def test_a_leak_is_seen(line: str) -> None:
    released = notebook("ps1", "release")
    released.cells.append(new_markdown_cell(f"for example {line}"))
    assert len(list(leaks("ps1", released))) == 1


HOSTILE = '<img src="x" onerror="alert(1)"> 1 < 2 <b>bold</b>'
KINDS = ("text/html", "text/plain", "text/latex", "image/svg+xml", "application/javascript")


def test_nbgrader_grades_in_the_sandbox_and_writes_feedback(course: Path) -> None:
    needed(sandbox.available(), NO_BUBBLEWRAP)
    found = notebook("ps1", "release")
    wrong = {
        "project_box": "def project_box(delta, start, radius):\n    return delta.clamp(max=radius).minimum(1 - start)"
    }
    for cell in found.cells:
        name = graded(cell).get("grade_id", "").removeprefix("ps1-")
        if name in RIGHT and name != "direction_sparse":
            cell.source = (RIGHT | wrong)[name]
        if name == "reflection":
            cell.source = f"Since its gradients are readable.\n\n> {HOSTILE}"
            cell.attachments = {"a": {'image/png" onerror="alert(1)': "", "image/png": ""}}
        if cell.cell_type == "code":
            cell.outputs = [new_output("display_data", dict.fromkeys(KINDS, HOSTILE))]
    folder = course / "submitted" / "ada" / "ps1"
    folder.mkdir(parents=True)
    found.cells[1].source = "raise SystemExit  # nbgrader runs no cell of it"
    nbformat.write(found, folder / "ps1.ipynb")

    nbgrader(course, "autograde", "ps1")
    nbgrader(course, "generate_feedback", "ps1")
    nbgrader(course, "export")
    with (course / "grades.csv").open() as file:
        (row,) = [row for row in csv.DictReader(file) if row["assignment"] == "ps1"]
    assert (row["student_id"], row["raw_score"], row["max_score"]) == ("ada", "23.0", "39.0")
    shown = nbformat.read(course / "autograded" / "ada" / "ps1" / "ps1.ipynb", as_version=4).cells
    assert [cell.source for cell in shown if "readable" in cell.source] == [
        'Since its gradients are readable.\n\n> &lt;img src="x" onerror="alert(1)"> 1 &lt; 2 <b>bold</b>'
    ]
    assert [{*cell.attachments["a"]} for cell in shown if "attachments" in cell] == [{"image/png"}]
    left = [output.data for cell in shown for output in cell.get("outputs", ()) if "data" in output]
    assert {kind for data in left for kind in data} == {"text/html", "text/plain"}
    assert not [data for data in left if "<img" in data.get("text/html", "")]
    page = (course / "feedback" / "ada" / "ps1" / "ps1.html").read_text()
    assert "Only the upper side seems to be clamped" in page
    assert "1 of 6 points (wrong)" in page


def test_nbgrader_that_fails_is_heard(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        nbgrader(tmp_path, "generate_assignment", "ps9")


def test_the_guide_leads_to_every_set_and_says_how_long_it_takes() -> None:
    guide = (COURSE / "README.md").read_text()
    assert list(link_problems(guide, COURSE)) == []
    for number, name in enumerate(SETS, 1):
        (minutes,) = re.findall(r"\*\*Time:\*\* (\d+) minutes", notebook(name, "release").cells[0].source)
        assert re.search(
            rf"^\| \[{number} [^|]*\(release/{name}/{name}.ipynb\) \|[^|]*\|[^|]*\| {minutes} \|$", guide, re.M
        )
    for command in ("make release", "course_lib grade", "nbgrader autograde ps1", "nbgrader generate_feedback ps1"):
        assert command in guide
