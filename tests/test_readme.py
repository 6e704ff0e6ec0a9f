"""The README says what was measured: its tables are those that the commands print from data/results."""

import json
import re

from course_lib import tables
from tests import bench
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()


def test_the_quality_tables_are_the_measured_ones() -> None:
    results = json.loads((ROOT / "data" / "results" / "quality.json").read_text())
    for measured in results.values():
        assert tables.tables(measured) in README


def test_the_speed_table_is_the_measured_one() -> None:
    result = json.loads((ROOT / "data" / "results" / "bench.json").read_text())
    assert bench.table(result) in README


def test_every_link_and_picture_is_there() -> None:
    links = re.findall(r"!?\[[^\]]*\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []


def test_every_picture_has_alt_text() -> None:
    assert all(text.strip() for text in re.findall(r"!\[([^\]]*)\]", README))


def test_the_two_commands_come_first() -> None:
    lines = [line.strip() for line in README.splitlines() if line.strip()]
    assert [line[:9] for line in lines[1:3]] == ["make lab ", "make test"]
