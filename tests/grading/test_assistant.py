"""What an assistant sees and does: progress, a dry run, shards, feedback, a summary, equal hand-ins, upload files."""

import re
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from course_lib.checks.report import exercises
from course_lib.grading import sandbox
from course_lib.grading.command import grade
from course_lib.grading.equal import equal, nameless
from course_lib.grading.grade import Grader
from course_lib.grading.marks import Mark, Marked
from course_lib.grading.reports import write_reports
from course_lib.grading.sandbox import Answer
from course_lib.grading.sheets import filled
from course_lib.grading.submissions import Submission, submissions
from tests.tools.classroom import RIGHT, released, written

STUDENTS = ("ada", "bob", "cem", "dora", "eve", "finn")
RENAMED = RIGHT["project_box"].replace("highest", "top").replace("    lowest", "\n    # below\n    lowest")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Grade a class of six in a process where a student's answer is an error that depends on the code alone."""

    def collect(tasks: dict[str, Any], *_: Any, **__: Any) -> list[Answer]:
        words = {name: zlib.crc32("".join(task["source"]).encode()) for name, task in tasks.items()}
        return [Answer(name, "error", f"error {word}", 1.0, b"") for name, word in words.items()]

    monkeypatch.setattr(sandbox, "collect", collect)
    monkeypatch.setattr(sandbox, "available", lambda: True)
    monkeypatch.setattr(Grader, "prove", lambda _: None)
    for number, student in enumerate(STUDENTS):
        written(tmp_path / "in" / student, project_box=f"{RIGHT['project_box']}\n# {number}", direction_sparse="")

    def graded(out: str, *options: str) -> str:
        grade([str(tmp_path / "in"), "--out", str(tmp_path / out), "--sets", "ps1", *options])
        return out

    return graded


def tables(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_four_shards_give_the_tables_of_one_run(run: Callable[..., str], tmp_path: Path, capsys: Any) -> None:
    run("whole", "--seed", "3")
    for part in range(1, 5):
        run(f"part{part}", "--seed", "3", "--shard", f"{part}/4")
        assert not (tmp_path / f"part{part}" / "grades.csv").exists()
        shutil.copytree(tmp_path / f"part{part}", tmp_path / "merged", dirs_exist_ok=True)
    capsys.readouterr()
    run("merged")
    assert "to grade" not in capsys.readouterr().err, "the merge runs nothing again"
    whole = tables(tmp_path / "whole")
    assert len(whole) == 3 + 1 + 1 + 2 * len(STUDENTS)
    assert tables(tmp_path / "merged") == whole
    for options in (["--shard", "5/4"], ["--shard", "1"], ["--shard", "1/4"]):  # the last without a seed
        with pytest.raises(SystemExit):
            run("other", *options)
        assert "expected" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_a_dry_run_says_what_would_be_run_and_writes_nothing(
    run: Callable[..., str], tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "available", lambda: False)  # where nothing can be run, either
    run("out", "--dry-run")
    said = capsys.readouterr().out
    assert "6 submissions, 24 exercises to run. Nothing was run." in said
    assert "missing: ps1.direction_sparse; files: ps1.ipynb" in said
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(sandbox, "available", lambda: True)
    run("out")
    written(tmp_path / "in" / "eve", direction_sparse="", project_box=RIGHT["project_box"] + "\n1")
    before = tables(tmp_path / "out")
    capsys.readouterr()
    run("out", "--dry-run")
    said = capsys.readouterr().out
    assert "6 submissions, 1 exercises to run" in said
    assert "eve: to run: ps1.project_box; missing" in said
    assert tables(tmp_path / "out") == before


def test_it_says_how_far_it_is_and_how_long_the_others_will_take(run: Callable[..., str], capsys: Any) -> None:
    run("out")
    said = capsys.readouterr().err
    assert said.startswith("6 to grade, after the reference solutions\n")
    assert re.search(r"graded: 100%.* 6/6 \[\d\d:\d\d<00:00, ", said)
    run("out")
    assert capsys.readouterr().err == "", "where nothing is new, there is nothing to wait for"


def test_feedback_says_what_each_rule_is_worth_beside_the_code(tmp_path: Path) -> None:
    one = exercises()["ps1.project_box"]
    manners = [rule.name for rule in one.rules if rule.manners]
    kept, broken = manners, [rule.name for rule in one.rules if not rule.manners]
    code = "def project_box(delta, start, radius):\n    return '<script>'"
    marked = [
        Marked("ada", "a" * 64, "d", (), (Mark(one.name, "wrong", 0.0, kept, broken, "Likely this."),)),
        Marked("bob", "b" * 64, "d", (), (Mark(one.name, "ok", one.points, [*kept, *broken]),)),
    ]
    found = [Submission("ada", {one.name: [code]}, (), "a" * 64)]
    write_reports(marked, tmp_path, found=found, texts={("ada", "ps1.reflection"): "Text."})
    ada, bob = ((tmp_path / "feedback" / f"{name}.html").read_text() for name in ("ada", "bob"))
    assert f"<h1>ada: 0 of {one.points + 5:g} points</h1>" in ada
    assert all(f"✗ {rule.name}: 0 of {rule.points:g}" in ada for rule in one.rules if not rule.manners)
    assert all(f"✓ {rule.name}: 0 of {rule.points:g}, which counts once" in ada for rule in one.rules if rule.manners)
    assert all(f"✓ {rule.name}: {rule.points:g} of {rule.points:g}</li>" in bob for rule in one.rules)
    assert "return &#x27;&lt;script&gt;&#x27;</pre>" in ada
    assert "<h2>ps1.reflection: pending</h2>" in ada
    assert "<h2>ps1.reflection: nothing was handed in</h2>" in bob
    assert "<pre>" not in bob
    summary = (tmp_path / "summary.html").read_text()
    assert f"<p>{one.points / 2:.1f} of {one.points + 5:g} points on average</p>" in summary
    assert f"<th>50%</th><th>{one.name}</th>" in summary
    assert f"<td>100%</td><td>{one.name}: {manners[0]}</td>" in summary
    assert f"<td>50%</td><td>{one.name}: {broken[0]}</td>" in summary
    assert f"<td>1</td><td>{one.name}: Likely this.</td>" in summary


def test_equal_hand_ins_are_listed_whatever_their_names_and_layout(tmp_path: Path) -> None:
    written(tmp_path / "ada")
    written(tmp_path / "bob", project_box=RENAMED)
    written(tmp_path / "cem", project_box=RIGHT["project_box"].replace("maximum", "minimum"))
    released(tmp_path / "dora")
    released(tmp_path / "eve")
    assert list(equal(list(submissions(tmp_path)))) == [("ps1", ["ada", "bob"])]


@pytest.mark.parametrize(
    "source", ["-" * 20_000 + "1", "a" + ".b" * 9_000, "(" * 9_000, "f(" * 9_000, "'\\d'", "\0", ")"]
)
def test_a_cell_that_cannot_be_compared_as_python_is_compared_as_text(source: str) -> None:
    assert nameless(source) == nameless(f"  {source}\n\n".removeprefix("  "))
    assert nameless(source) != nameless(f"{source} + 1")


CANVAS = (
    "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,Problem Set 1 (4711),PS2 (4712),Final Score\r\n"
    "    Points Possible,,,,,37.0,25.0,(read only)\r\n"
    '"Lovelace, Ada",101,,ada@x.org,"A ""1""",,3,70.00\r\n'
    "Boole,102,b17,bob,B, ,,\r\n"
    "Zoë,103,,zoe,B,1,,80\n"
    '"Student, Test",104,,abc,,,,'
)
MOODLE = (
    "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Feedback comments\n"
    'Participant 7,Ada Lovelace,ada@x.org,"Submitted, late",,37.00,"<p>a\nb</p>"\n'
    "Participant 8,Bob,bob@x.org,No submission,-,37.00,\n"
)


def test_a_sheet_of_canvas_is_filled_and_stays_byte_for_byte() -> None:
    points = {
        "lovelaceada_LATE_101_999_ps1": {"ps1": "31.5", "ps2": ""},
        "BOB": {"ps1": "37", "ps2": "20"},
        "nobody": {"ps1": "1", "ps2": "1"},
    }
    data = CANVAS.encode().replace("Zoë".encode(), b"Zo\xeb")
    content, notes = filled(data, points)
    wanted = data.replace(b'"A ""1""",,', b'"A ""1""",31.5,').replace(b"bob,B, ,,", b"bob,B,37,20,")
    assert content == wanted
    assert notes == ["nobody: 0 rows of the sheet"]


def test_a_sheet_of_moodle_is_filled_for_one_set() -> None:
    points = {"Ada Lovelace_7_assignsubmission_file": {"ps1": "31.5"}, "bob@x.org": {"ps1": "0"}}
    content, notes = filled(MOODLE.encode(), points)
    assert content.decode() == MOODLE.replace('late",,', 'late",31.5,').replace("submission,-,", "submission,0,")
    assert notes == []
    with pytest.raises(ValueError, match="expected one problem set for Moodle's worksheet, got ps1, ps2"):
        filled(MOODLE.encode(), {"x": {"ps1": "1", "ps2": "1"}})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Name,Points\na,1\n", "expected Canvas's gradebook"),
        ("", "expected Canvas's gradebook"),
        (CANVAS.replace("Problem Set 1", "Homework"), "got 0 columns for ps1"),
        (CANVAS.replace("PS2", "PS1"), "got 2 columns for ps1"),
    ],
)
def test_another_table_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^expected .*{said.removeprefix('expected ')}"):
        filled(text.encode(), {"ada": {"ps1": "1"}})


def test_two_hand_ins_of_one_row_are_told_and_not_filled_in() -> None:
    content, notes = filled(MOODLE.encode(), {"Bob": {"ps1": "1"}, "bob@x.org": {"ps1": "2"}})
    assert content == MOODLE.encode()
    assert notes == ["Bob, bob@x.org: one row of the sheet"]


def test_the_upload_file_lies_in_the_folder_of_grades(run: Callable[..., str], tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "sheet.csv").write_text("Identifier,Full name,Grade\nParticipant 1,ada,\nParticipant 2,bob,\n")
    run("out", "--sheet", str(tmp_path / "sheet.csv"))
    assert (tmp_path / "out" / "upload-sheet.csv").read_text().splitlines()[1] == "Participant 1,ada,0"
    assert "Not filled in, cem: 0 rows of the sheet." in capsys.readouterr().out
