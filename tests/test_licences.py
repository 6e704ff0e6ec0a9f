"""Nothing tracked shows a picture that may not be passed on: data/README.md says of each where it is from."""

import re
import subprocess

import nbformat

from course_lib.datasets.collections import TERMS
from course_lib.testbeds.weights import known, load_card
from tests.conftest import ROOT

PAGE = (ROOT / "data" / "README.md").read_text()
ENDINGS = ("webp", "png", "jpg", "jpeg", "svg", "gif", "bmp", "tif", "tiff", "ico", "avif")
FREE = ("CC0", "public domain", "drawn by code", "generated", "a chart")


def tracked(*patterns: str) -> list[str]:
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "--", *patterns], capture_output=True, check=True)
    return listed.stdout.decode().splitlines()


def rows() -> dict[str, str]:
    """By file, the last cell of its row: its licence, or that nobody holds one."""
    found = re.findall(r"^\| `((?:photographs|results)/\S+?\.\w+)` \|.*\| ([^|]+) \|$", PAGE, re.MULTILINE)
    return {f"data/{name}": licence for name, licence in found}


def test_every_tracked_picture_has_a_row_and_every_row_a_picture() -> None:
    assert sorted(tracked(*(f"*.{ending}" for ending in ENDINGS))) == sorted(rows())


def test_every_picture_may_be_passed_on() -> None:
    assert {name: licence for name, licence in rows().items() if not licence.startswith(FREE)} == {}


def test_no_notebook_carries_a_picture() -> None:
    carrying = []
    for path in tracked("*.ipynb"):
        for cell in nbformat.read(ROOT / path, as_version=4).cells:
            outputs = str([output.get("data", {}) for output in cell.get("outputs", [])])
            if "image/" in outputs or "data:image" in outputs + cell.source or cell.get("attachments"):
                carrying.append((path, cell.id))
    assert carrying == []


def test_what_is_made_from_a_data_set_names_its_terms() -> None:
    for name in known():
        card = load_card(name)
        assert card.get("terms") == TERMS.get(card["recipe"]["data"]), name
    for name in ("imagenette", "cifar10"):
        assert load_card(name, folder=ROOT / "data" / "statistics")["terms"] == TERMS[name]
    assert all(terms in " ".join(PAGE.split()) for terms in TERMS.values())
