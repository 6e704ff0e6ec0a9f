"""Nothing tracked shows a picture that may not be passed on: data/README.md says of each where it is from."""

import re
import subprocess
from fnmatch import fnmatchcase

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


def licences() -> dict[str, str]:
    """By pattern, what the table of licences says."""
    table = PAGE[PAGE.index("## Licences") : PAGE.index("## Pictures")]
    lines = re.findall(r"^\| (`.+`) \| (.+) \|$", table, re.MULTILINE)
    return {f"data/{pattern}": said for patterns, said in lines for pattern in re.findall(r"`(.+?)`", patterns)}


def test_every_file_of_the_data_belongs_to_one_row_of_the_licences() -> None:
    files = tracked("data")
    fitting = {file: [pattern for pattern in licences() if fnmatchcase(file, pattern)] for file in files}
    assert {file: found for file, found in fitting.items() if len(found) != 1} == {}
    assert [pattern for pattern in licences() if not any(fnmatchcase(file, pattern) for file in files)] == []


def test_the_terms_of_weights_and_statistics_are_those_of_their_data_set() -> None:
    for pattern, said in licences().items():
        if pattern.startswith(("data/weights/", "data/statistics/")):
            (name,) = re.findall(r"/([a-z0-9]+)[-.]", pattern)
            assert (f"`{name}`" in said) == (name in TERMS)
            assert said.endswith("MIT") == (name not in TERMS)


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
