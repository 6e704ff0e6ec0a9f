"""Every decimal and percentage in a lecture's text is measured: printed by a checked cell, or recorded in data/.

What is neither is given by somebody: it stands below with a reason, or with the sum that makes it.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from course_lib.testbeds.weights import load_card
from tests.conftest import ROOT
from tests.tools.freeze import is_checked
from tests.tools.prose import LECTURES, texts

NUMBER = re.compile(
    r"(?<![\w.,/])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:\s?%| percent\b)|(?<![\w.,/])\d[\d,]*\.\d+(?!\.?\d)"
)
UNREAD = re.compile(r"```.*?```|`[^`\n]*`|<img[^>]*>|\]\([^)]*\)|\b[Ss]ections? \d\.\d|\bGPT-\S+", re.DOTALL)

MEASURED: dict[str, list[str]] = {  # of each notebook: files of data/results, or cards of networks, and what in them
    "04_generation": [
        f"quality: picturebook/as it ships/classes/generation, {kind}/robust" for kind in ("multivariate", "mixture")
    ]
    + [f"quality: imagenette/as it ships/classes/generation, {kind}/robust" for kind in ("multivariate", "mixture")],
    "02_targeted_pgd": ["tricks: imagenette-128/rows/grey/standard/all/judged"],
    "01_robust_training": ["dose: imagenette", "dose: picturebook"],
}
GIVEN: dict[str, dict[str, str | float]] = {  # of each notebook: whose number it is, or its value
    "04_generation": {
        "22.9": 40 * 128 / 224,
        "0.57": 128 / 224,
        "0.1": "Duke's step size",
        "0.5": "the authors' and Duke's",
    },
    "03_seed_distributions": {
        "22.9": 40 * 128 / 224,
        "0.57": 128 / 224,
        "0.01": "the authors add its square to the variance",
    },
    "01_robust_training": {"0.1%": 10 / 12288},
    "00_start_here": {"80%": "of the time of a step, to try bfloat16", "100%": "of that time, not to try it"},
    "07_superresolution": {
        "21.53": "Santurkar et al. 2019, section 3.4",
        "21.30": "Santurkar et al. 2019, section 3.4",
    },
    "10_measuring_quality": {
        "7.5": "Santurkar et al. 2019, table 1",
        "0.1": "Santurkar et al. 2019, table 1",
        "11.2": "Santurkar et al. 2019, table 1",
        "9.22": "Santurkar et al. 2019, table 1",
        "8.4": "Santurkar et al. 2019, table 1",
        "259.0": "Santurkar et al. 2019, table 1",
        "331.9": "Santurkar et al. 2019, table 1",
        "233.1": "Santurkar et al. 2019, table 1",
        "11.6": "Santurkar et al. 2019, table 1",
        "36.0": "the same, section 3.1",
        "7.4": "the same, section 3.1",
        "166.5": "the same, a footnote of table 1",
        "45%": "the same, footnote 3",
    },
}


def quoted(text: str) -> list[str]:
    """The decimals and percentages of a text in Markdown, formulas included, "63%" and "22.9"."""
    return [re.sub(r"\s?%| percent", "%", found[0]) for found in NUMBER.finditer(UNREAD.sub(" ", text))]


def leaves(value: Any) -> Iterator[float]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves(inner)
    elif isinstance(value, int | float):
        yield float(value)


def recorded(place: str) -> list[float]:
    """The numbers at "quality: imagenette-128/as it ships", or at "card imagenette-robust: clean"."""
    file, _, path = place.partition(": ")
    card = file.removeprefix("card ")
    value = load_card(card) if card != file else json.loads((ROOT / "data/results" / f"{file}.json").read_text())
    for key in path.split("/"):
        value = value[key]
    return [*leaves(value)]


def written(value: float, like: str) -> str:
    """A value in the manner of a quoted number: as many places, and of a hundred where it is a percentage."""
    digits = len(like.rstrip("%").partition(".")[2])
    return f"{100 * abs(value):,.{digits}f}%" if like.endswith("%") else f"{abs(value):,.{digits}f}"


def known(number: str, *, printed: str, measured: list[float], given: dict[str, str | float]) -> bool:
    if number in given:
        return isinstance(given[number], str) or written(given[number], number) == number
    return number in quoted(printed) or number in {written(value, number) for value in measured}


def unknown(path: Path) -> list[str]:
    """The numbers in the text cells of a notebook that nothing vouches for."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if is_checked(cell)]
    measured = [value for place in MEASURED.get(path.stem, []) for value in recorded(place)]
    vouched = {
        "printed": "\n".join(output.get("text", "") for cell in cells for output in cell.outputs),
        "measured": measured,
        "given": GIVEN.get(path.stem, {}),
    }
    return [number for text in texts(path) for number in quoted(text) if not known(number, **vouched)]


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_the_numbers_of_a_text_are_measured(path: Path) -> None:
    assert unknown(path) == []


def test_nothing_is_excused_that_no_text_says() -> None:
    said = {path.stem: {number for text in texts(path) for number in quoted(text)} for path in LECTURES}
    assert {name: set(given) - said[name] for name, given in GIVEN.items() if set(given) - said[name]} == {}


def test_numbers_are_found_in_a_text() -> None:
    text = "At 1.2 of 5, 84% [81, 87] or 0.5 %, $22.9$ and 1,234.5 dB; section 3.1, `0.1`, [a](b1.2.html), 3 percent."
    assert quoted(text) == ["1.2", "84%", "0.5%", "22.9", "1,234.5", "3%"]


def test_a_number_is_measured_printed_or_given() -> None:
    vouched = {
        "printed": "withstand: 66%",
        "measured": [0.7249, -3.14159],
        "given": {"22.9": 40 * 128 / 224, "9.5": "Duke's"},
    }
    assert [known(one, **vouched) for one in ("66%", "72%", "72.5%", "3.142", "22.9", "9.5")] == [True] * 6
    assert [known(one, **vouched) for one in ("67%", "73%", "3.15", "66.0%", "7.2")] == [False] * 5
    assert not known("22.9", printed="", measured=[], given={"22.9": 23.9})


def test_recorded_numbers_are_read_by_their_place() -> None:
    assert recorded("dose: picturebook/picturebook-radius-12.5-seed-0/radius") == [12.5]
    assert len(recorded("card imagenette-robust: clean")) == 3
