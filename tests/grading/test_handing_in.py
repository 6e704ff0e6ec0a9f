"""Whatever a student hands in, the others are graded, and that student's row says why."""

import csv
import json
import os
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from course_lib.checks.report import exercises
from course_lib.grading import apart, sandbox
from course_lib.grading import grade as grading
from course_lib.grading import submissions as reading
from course_lib.grading.command import grade
from course_lib.grading.grade import Grader, Mark, Marked, grade_class
from course_lib.grading.reports import write_reports
from course_lib.grading.sandbox import Answer, Limits, parsed
from course_lib.grading.submissions import Submission, chosen, file_of, submissions
from tests.tools.classroom import RIGHT, cell
from tests.tools.programs import NO_BUBBLEWRAP, needed

NAME = "ps1.project_box"
ANSWER = RIGHT["project_box"]
STUB = (
    'def project_box(delta, start, radius):\n    """Returns changes."""\n    raise NotImplementedError("your turn")\n'
)


def notebook(*sources: str, exercise: str | None = NAME) -> str:
    """A notebook whose cells carry the id of an exercise, or none."""
    name = exercise.split(".")[1] if exercise else ""
    cells = [cell(name, source) if name else {"cell_type": "code", "source": source} for source in sources]
    return json.dumps({"cells": cells})


def hand_in(path: Path, text: str = "", when: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or notebook(ANSWER))
    if when:
        os.utime(path, (when, when))
    return path


def table(out: Path) -> dict[str, dict[str, str]]:
    with (out / "grades.csv").open() as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def read(folder: Path) -> dict[str, Submission]:
    return {one.student: one for one in submissions(folder)}


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "ps1.ipynb")


def device(folder: Path) -> None:
    (folder / "ps1.ipynb").symlink_to("/dev/zero")


def neighbour(folder: Path) -> None:
    (folder / "ps1.ipynb").symlink_to(folder.parent / "ada" / "ps1.ipynb")


def above(folder: Path) -> None:
    (folder / "ps1").symlink_to(folder.parent)


def huge(folder: Path) -> None:
    with (folder / "ps1.ipynb").open("wb") as file:
        file.truncate(reading.LARGEST + 1)


def bomb(folder: Path) -> None:
    with zipfile.ZipFile(folder / "ps1.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ps1.ipynb", " " * (reading.LARGEST + 1))


def text(content: str, name: str = "ps1.ipynb") -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_text(content)


ODD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "pipe": (pipe, "it is no regular file"),
    "device": (device, "it is a link"),
    "neighbour": (neighbour, "it is a link"),
    "above": (above, "expected a notebook with cells of exercises, found nothing"),
    "huge": (huge, "it is larger than 64 MB"),
    "bomb": (bomb, "it is larger than 64 MB"),
    "deep": (text("[" * 100_000), "cannot be read as a notebook: maximum recursion depth exceeded"),
    "number": (text('{"cells": [], "a": ' + "9" * 5000 + "}"), "cannot be read as a notebook"),
    "infinity": (text('{"cells": Infinity}'), "cannot be read as a notebook"),
    "long": (text(notebook("x" * (2**18 + 1))), "a cell has more than 262144 characters"),
    "empty": (text(""), "cannot be read as a notebook"),
    "essay": (text("", "essay.docx"), "expected a notebook with cells of exercises, found essay.docx"),
    "nothing": (lambda folder: None, "found nothing"),
    "no ids": (text(notebook("1 + 1", exercise=None)), "with cells of exercises, found ps1.ipynb"),
}


def test_a_file_of_any_kind_is_told_in_its_students_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hand_in(tmp_path / "in" / "ada" / "ps1.ipynb")
    names = {name: name.encode() for name in ODD} | {"x" * 248: b"x" * 248, "M\\udcfcller": b"M\xfcller"}
    for number, (name, raw) in enumerate(names.items()):
        folder = Path(os.fsdecode(os.fsencode(tmp_path / "in") + b"/" + raw))
        folder.mkdir()
        ODD.get(name, (text(notebook(f"x = '\ud800'\n{number}")), ""))[0](folder)
    asked: list[str] = []

    def no_sandbox(tasks: dict[str, Any], *_: Any, **__: Any) -> list[Answer]:
        asked.extend(tasks)
        return [Answer(name, "error", "\ud800", 1.0, b"") for name in tasks]

    monkeypatch.setattr(sandbox, "collect", no_sandbox)
    monkeypatch.setattr(Grader, "prove", lambda _: None)
    (tmp_path / "out").mkdir()
    marked = grade_class(tmp_path / "in", tmp_path / "out", Grader([NAME], seed=0, limits=Limits()), workers=2)
    write_reports(marked, tmp_path / "out")
    rows = table(tmp_path / "out")
    assert rows.keys() == {"ada", *names}
    assert {name for name, (_, words) in ODD.items() if words not in rows[name]["notes"]} == set()
    assert asked == [NAME] * 3  # ada, and the two whose name alone is odd
    assert len(list((tmp_path / "out" / "feedback").iterdir())) == len(rows)


def test_what_takes_too_much_to_read_is_its_students_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In memory and in time."""
    hand_in(tmp_path / "ada" / "ps1.ipynb")
    hand_in(tmp_path / "bob" / "ps1.ipynb")
    hand_in(tmp_path / "eve" / "ps1.ipynb")
    patient = reading.submission

    def greedy(student: str, files: list[Path]) -> Submission:
        kept = bytes(4 * 2**30 if student == "bob" else 1)
        while student == "eve" and kept:
            pass
        return patient(student, files)

    monkeypatch.setattr(reading, "submission", greedy)
    monkeypatch.setattr(apart, "SECONDS", 3)
    found = read(tmp_path)
    assert [*found["ada"].sources] == [NAME]
    said = ("what was handed in takes more than 2000 MB or 3 s to read: ps1.ipynb",)
    assert found["bob"].problems == found["eve"].problems == said


def test_litter_is_no_student(tmp_path: Path) -> None:
    hand_in(tmp_path / "ada" / "ps1.ipynb")
    for name in (
        "__MACOSX/ada/._ps1.ipynb",
        "._ada/ps1.ipynb",
        "._ada.ipynb",
        ".ipynb_checkpoints/ada-checkpoint.ipynb",
        ".DS_Store",
        "grades/results/ada.json",
        "marks/results/ada.json",
        "marks/grades.csv",
        "ada/.ipynb_checkpoints/ps1-checkpoint.ipynb",
        "ada/__MACOSX/ps1.ipynb",
        "names.csv",
    ):
        hand_in(tmp_path / name, "x")
    (one,) = submissions(tmp_path)
    assert (one.student, one.problems, list(one.sources)) == ("ada", (), [NAME])


def test_a_name_is_a_whole_name_and_files_have_room_for_it(tmp_path: Path) -> None:
    for name in ("ada.b/ps1.ipynb", "ada.c/ps1.ipynb", "eve.d.ipynb", "eve.d/more.ipynb", "BOB.IPYNB", "zoe.ipynb.txt"):
        hand_in(tmp_path / name)
    assert list(read(tmp_path)) == ["BOB", "ada.b", "ada.c", "eve.d", "zoe"]
    assert len(file_of("ü" * 127).encode()) < 200
    assert file_of("ü" * 127) != file_of("ü" * 126)


def test_the_newest_file_that_is_not_the_template_counts_and_that_is_said(tmp_path: Path) -> None:
    hand_in(tmp_path / "ada" / "old.ipynb", notebook("def project_box(): return 1"), when=1_000_000)
    hand_in(tmp_path / "ada" / "z.ipynb", when=2_000_000)
    hand_in(tmp_path / "ada" / "release" / "ps1.ipynb", notebook(STUB), when=3_000_000)
    hand_in(tmp_path / "bob" / "ps1.ipynb", notebook("def project_box(): return 1"), when=1_000_000)
    hand_in(tmp_path / "bob" / "ps1 (1).ipynb", when=1_000_000)
    found = read(tmp_path)
    assert {one.sources[NAME][0] for one in found.values()} == {ANSWER}
    assert "of 3 files, z.ipynb counts, the newest that is not the template" in found["ada"].problems[0]
    assert "ps1 (1).ipynb counts" in found["bob"].problems[0]


@pytest.mark.parametrize("name", ["ps1.zip", "ps1.py", "PS1.IPYNB", "ps1.ipynb.json"])
def test_archives_scripts_and_renamed_notebooks_are_read(tmp_path: Path, name: str) -> None:
    script = f"#!/usr/bin/env python\n\n# In[1]:\n\nimport course_lib\n\n# In[2]:\n\n{ANSWER}"
    path = hand_in(tmp_path / "ada" / name, script if name == "ps1.py" else "")
    if name == "ps1.zip":
        content = path.read_bytes()
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("ps1/ps1.ipynb", content)
            archive.writestr("__MACOSX/ps1/._ps1.ipynb", b"x")
    (one,) = submissions(tmp_path)
    assert [source.strip() for source in one.sources[NAME]] == [ANSWER]
    assert one.problems == ()


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        ([("", "import os"), ("", ANSWER)], [ANSWER]),  # no ids
        ([("ps1.project_patch", f"x = 1\n{ANSWER}")], [f"x = 1\n{ANSWER}"]),  # merged into another's cell
        ([(NAME, STUB), ("", ANSWER)], [ANSWER]),  # a stub with the id, the answer below it
        ([(NAME, ANSWER), (NAME, STUB)], [ANSWER]),
        ([(NAME, "import math"), (NAME, ANSWER)], ["import math", ANSWER]),  # split
        ([(NAME, ANSWER), (NAME, ANSWER)], [ANSWER]),  # copied
        ([(NAME, ANSWER), ("", "def project_box(): return 0")], [ANSWER]),  # an experiment beside it
        ([(NAME, f"{ANSWER}\n    raise NotImplementedError")], [f"{ANSWER}\n    raise NotImplementedError"]),
        ([(NAME, STUB)], [STUB]),
        ([("ps2.robust_curve", "1"), ("", ANSWER)], []),  # a notebook of another set
    ],
)
def test_the_cells_of_an_answer_are_found(cells: list[tuple[str, str]], wanted: list[str]) -> None:
    assert chosen([("ps1.ipynb", cells)])[0].get(NAME, []) == wanted


def test_a_cell_without_metadata_costs_nothing(tmp_path: Path) -> None:
    cells = json.loads(notebook(ANSWER))["cells"]
    odd: list[Any] = [{"cell_type": "code", "metadata": None, "source": None}, 3, {"metadata": {"nbgrader": []}}]
    hand_in(tmp_path / "ada.ipynb", json.dumps({"cells": [*odd, *cells]}))
    assert list(read(tmp_path)["ada"].sources) == [NAME]


@pytest.mark.parametrize("number", ["Infinity", "1e999", "9" * 5000, "[" * 4000, "[" * 10**6])
def test_a_head_of_any_kind_ends_the_reading_of_one_students_stream(number: str) -> None:
    head = f'{{"exercise": "ps1.a", "status": "ran", "message": "", "seconds": 1, "bytes": {number}}}\n'
    assert list(parsed(head.encode(), {"ps1.a": {}})) == []


# --- graded -----------------------------------------------------------------------------------------------------------

KILL = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n"
SAYS = "import os\nos.write(3, {})\nos._exit(0)\n"  # in place of an answer
CELLS: dict[str, tuple[Sequence[str], str]] = {
    "split": (("import math", f"{ANSWER}\nmath.pi"), "ok"),
    "scratch": ((ANSWER, "project_patch(1)"), "ok"),
    "percent": ((ANSWER + '\nprint("%d"\n      % 1)',), "ok"),
    "magics": ((f"%%time\ntorch.norm?\nfiles = !ls\n%matplotlib inline\n{ANSWER}\ndisplay(files)",), "ok"),
    "surrogate": (("raise ValueError('\\ud800')",), "error"),
    "killer": ((KILL,), "ungraded"),
    "nothing": ((SAYS.format("b''"),), "error"),
    "list": ((SAYS.format("b'[' * 10**5"),), "error"),
    "right": ((SAYS.format('b\'["ran", ""]\\nall right\''),), "error"),
    "surrogates": ((SAYS.format('b\'["\\\\ud800", "\\\\ud800"]\\n\''),), "error"),
    "much": (
        (SAYS.format("bytes(2**25)").replace("os._exit", "[os.write(3, bytes(2**25)) for _ in 'ab']\nos._exit"),),
        "error",
    ),
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needed(sandbox.available(), NO_BUBBLEWRAP)
    home = tmp_path_factory.mktemp("odd")
    for student, (sources, _) in CELLS.items():
        hand_in(home / "in" / student / "ps1.ipynb", notebook(*sources))
    graded_again(home, 0)
    return home


def graded_again(home: Path, seed: int, **changes: Any) -> list[Marked]:
    grader = Grader([NAME], seed=seed, limits=Limits(seconds=15), **changes)
    marked = grade_class(home / "in", home / "out", grader, workers=2)
    write_reports(marked, home / "out")
    return marked


def test_cells_count_as_in_a_notebook(graded: Path) -> None:
    found = {student: row[f"{NAME} status"] for student, row in table(graded / "out").items()}
    assert found == {student: status for student, (_, status) in CELLS.items()}


def test_no_answer_is_no_mark_and_nothing_else_is_graded_again(graded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(graded / "out")
    assert (rows["killer"]["total"], rows["killer"][NAME]) == ("", "")
    asked: list[str] = []

    def count(self: Grader, submission: Submission, old: Marked | None = None) -> Marked:
        asked.extend(submission.student for _ in self.tasks(submission, self.kept(submission, old)))
        return Marked(submission.student, "", "", (), [Mark(NAME, "ok", 1.0, key="x")])

    monkeypatch.setattr(Grader, "grade", count)
    monkeypatch.setattr(Grader, "prove", lambda _: None)
    files = {path: path.read_bytes() for path in (graded / "out" / "results").iterdir()}

    def again(**changes: Any) -> list[str]:
        asked.clear()
        graded_again(graded, 0, **changes)
        for path, content in files.items():
            path.write_bytes(content)
        return sorted(asked)

    assert again() == ["killer"]
    assert again(again=["split"]) == ["killer", "split"]
    assert again(again=[NAME]) == sorted(CELLS)
    one = exercises()[NAME]
    rules = [replace(rule, points=rule.points + 1) for rule in one.rules]
    monkeypatch.setattr(grading, "exercise", lambda _: replace(one, rules=rules))
    assert again() == sorted(CELLS)


def test_a_machine_that_fails_the_reference_solution_grades_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(tmp_path / "in" / "ada" / "ps1.ipynb")
    monkeypatch.setattr(sandbox, "available", lambda: True)
    monkeypatch.setattr(sandbox, "collect", lambda *_, **__: [])
    with pytest.raises(SystemExit):
        grade([str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--sets", "ps1"])
    said = capsys.readouterr().err
    first = next(iter(exercises()))
    assert f"expected full points for the reference solution of {first} on this machine, got ungraded" in said
    assert not (tmp_path / "out" / "grades.csv").exists()


def test_a_failure_while_grading_is_in_its_row_and_is_no_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for student in ("ada", "bob"):
        hand_in(tmp_path / "in" / student / "ps1.ipynb")

    def fails(self: Grader, submission: Submission, old: Marked | None = None) -> Marked:
        if submission.student == "ada":
            raise OSError("No space left on device")
        return Marked(submission.student, "", "", (), [Mark(NAME, "ok", 6.0, key="x")])

    monkeypatch.setattr(Grader, "grade", fails)
    monkeypatch.setattr(Grader, "prove", lambda _: None)
    graded_again(tmp_path, 0)
    ada, bob = table(tmp_path / "out").values()
    assert (ada["total"], bob["total"]) == ("", "6")
    assert "not graded: OSError: No space left on device" in ada["notes"]
    assert "<h1>ada: not yet all" in (tmp_path / "out" / "feedback" / "ada.html").read_text()
    assert [path.name for path in (tmp_path / "out" / "results").iterdir()] == ["bob.json"]


@pytest.mark.parametrize("names", [["nobody"], ["ps9.x"]])
def test_to_grade_nobody_again_is_refused(
    tmp_path: Path, names: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(tmp_path / "in" / "ada" / "ps1.ipynb")
    monkeypatch.setattr(sandbox, "available", lambda: True)
    with pytest.raises(SystemExit):
        grade([str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--regrade", *names])
    assert f"expected an exercise or a student to grade again, got '{names[0]}'" in capsys.readouterr().err
