"""hand.csv is read as spreadsheets save it, loses nothing, and is refused by name where it is wrong."""

import csv
from pathlib import Path

import pytest

from course_lib.checks.report import SETS
from course_lib.grading.hand import ITEMS, given, rows_of
from course_lib.grading.marks import Mark, Marked
from course_lib.grading.reports import write_reports
from tests.tools.classroom import notebook

NAMES = ("Zoë", "ada", "=x", "'+y", "-1", "a\rb", "two words ")
ROWS = "student,item,points,comment\r\nZoë,ps1.reflection,{points},für dich: “gut”\r\n"


def marked(*names: str) -> list[Marked]:
    return [Marked(name, "a" * 64, "d", (), (Mark("ps1.project_box", "ok", 6.0),)) for name in names or NAMES]


def totals(out: Path) -> dict[str, str]:
    with (out / "grades.csv").open() as file:
        return {row["student"]: row["total"] for row in csv.DictReader(file)}


def saved(out: Path, text: str, encoding: str = "utf-8") -> Path:
    (out / "hand.csv").write_bytes(text.encode(encoding))
    return out / "hand.csv"


@pytest.mark.parametrize("comma", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_a_table_is_read_as_spreadsheets_save_it(tmp_path: Path, comma: str, encoding: str) -> None:
    points = '"2,5"' if comma == "," else "2,5"
    path = saved(tmp_path, ROWS.replace(",", comma).format(points=points), encoding)
    write_reports(marked(), tmp_path)
    assert totals(tmp_path)["Zoë"] == "8.5"
    first = path.read_bytes()
    assert f"Zoë{comma}ps1.reflection{comma}{points}{comma}für dich".encode() in first
    write_reports(marked(), tmp_path)
    assert path.read_bytes() == first


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8-sig"])
def test_a_table_that_was_opened_in_the_wrong_letters_is_mended(tmp_path: Path, encoding: str) -> None:
    mangled = ROWS.format(points=5).replace("Zoë", "ZoÃ«")  # UTF-8 read as Windows' letters, beside right ones
    saved(tmp_path, mangled, encoding)
    write_reports(marked(), tmp_path)
    assert totals(tmp_path)["Zoë"] == "11"


def test_added_columns_commas_in_comments_and_lines_between_are_kept(tmp_path: Path) -> None:
    text = "sep=,\nStudent,tutor,item,points,comment\n,,,,\nada\nada,Eve, ps1.reflection,3,good, but short\n"
    path = saved(tmp_path, text)
    write_reports(marked("ada"), tmp_path)
    assert (
        path.read_text() == 'student,tutor,item,points,comment\nada,,,,\nada,Eve,ps1.reflection,3,"good, but short"\n'
    )
    assert totals(tmp_path) == {"ada": "9"}
    assert "good, but short" in (tmp_path / "feedback" / "ada.html").read_text()


def test_names_are_no_formulas_and_stay_themselves(tmp_path: Path) -> None:
    write_reports(marked(), tmp_path)
    path = tmp_path / "hand.csv"
    cells = [row for file in (path, tmp_path / "grades.csv") for row in file.read_text().splitlines()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    path.write_bytes(path.read_bytes().replace(b"reflection,,", b"reflection,1,=SUM(1)"))
    for _ in range(2):
        write_reports(marked(), tmp_path)
    _, rows, _ = rows_of(path)
    assert [(row["student"], row["comment"]) for row in rows] == [(name, "=SUM(1)") for name in NAMES]
    assert set(totals(tmp_path).values()) == {"7"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("ada,ps1.reflection,50,", "a number of points from 0 to 5 in hand.csv for ps1.reflection of ada, got '50'"),
        ("ada,ps1.reflection,-5,", "from 0 to 5 in hand.csv for ps1.reflection of ada, got '-5'"),
        ("ada,ps1.reflection,nan,", "from 0 to 5 in hand.csv for ps1.reflection of ada, got 'nan'"),
        ("ada,ps1.reflection,=2+3,", "from 0 to 5 in hand.csv for ps1.reflection of ada, got '=2+3'"),
        ("ada,ps7.project,11,", "from 0 to 10 in hand.csv for ps7.project of ada, got '11'"),
        ("eve,ps1.reflection,5,", "expected students of this class in hand.csv, got 'eve'"),
        ("ada,ps1.style,5,", "expected items of this class in hand.csv, got 'ps1.style'"),
        ("ada,ps1.reflection,2,\nada,ps1.reflection,3,", "one row with points in hand.csv for ps1.reflection of ada"),
    ],
)
def test_a_wrong_row_is_refused_by_name_and_nothing_is_lost(tmp_path: Path, row: str, said: str) -> None:
    path = saved(tmp_path, f"student,item,points,comment\n{row}\n")
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"^expected [^\n]+$") as error:
        write_reports(marked("ada"), tmp_path)
    assert said in str(error.value)
    assert path.read_bytes() == before
    assert not (tmp_path / "grades.csv").exists()


def test_a_table_without_a_column_is_refused(tmp_path: Path) -> None:
    saved(tmp_path, "student,item,comment\nada,ps1.reflection,5\n")
    with pytest.raises(ValueError, match=r"expected a column points in hand.csv, got student, item, comment"):
        write_reports(marked("ada"), tmp_path)


def test_points_of_other_sets_stay_and_do_not_count(tmp_path: Path) -> None:
    path = saved(tmp_path, "student,item,points,comment\nada,ps2.reflection,4,fine\nbob,ps1.reflection,,left\n")
    write_reports(marked("ada"), tmp_path)
    assert totals(tmp_path) == {"ada": "6"}
    assert "ada,ps2.reflection,4,fine" in path.read_text()
    assert "bob,ps1.reflection,,left" in path.read_text()


def test_what_an_item_is_worth_is_what_its_cell_says() -> None:
    for name in SETS:
        cells = [cell.metadata.get("nbgrader", {}) for cell in notebook(name).cells]
        worth = {cell["grade_id"]: cell["points"] for cell in cells if cell.get("grade") and cell["solution"]}
        assert worth == {item.replace(".", "-"): most for item, most in ITEMS.items() if item.startswith(name)}
    assert given([{"student": "ada", "item": "ps7.project", "points": "10"}]) == 10
