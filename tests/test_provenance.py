"""Every result, tuned file and card says what made it; what it says of networks is true of those that ship."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from course_lib.storage.files import DATA, digest
from course_lib.testbeds.weights import known, load_card
from tests.conftest import ROOT

FILES = [path for folder in ("results", "tuned", "weights") for path in sorted((DATA / folder).glob("*.json"))]
PUBLISHED = {
    "tuned/imagenette-resnet50.json",
    "tuned/restricted_imagenet.json",
}  # settings of others: `source` says whose
OLD = {  # measured before results said where they come from: to be measured again
    "results/bench-imagenet.json",
    "results/bench.json",
    "results/cifar10-samples.json",
    "results/dose.json",
    "tuned/picturebook.json",
}


def name_of(path: Path) -> str:
    return path.relative_to(DATA).as_posix()


def witnesses(value: Any) -> Iterator[dict[str, Any]]:
    """Everything in a file that says what made it."""
    if isinstance(value, dict):
        yield from (part for key, part in value.items() if key == "provenance")
        yield from (found for key, part in value.items() if key != "provenance" for found in witnesses(part))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_says_what_made_it(path: Path) -> None:
    content = json.loads(path.read_text())
    found = [*witnesses(content)]
    excused = path.parent.name == "weights" and "curve" not in content
    assert found or excused or name_of(path) in OLD | PUBLISHED
    for witness in found:
        assert re.fullmatch(r"[0-9a-f]{40}", witness["commit"])
        assert witness["device"]
        assert {"python", "torch"} <= set(witness["libraries"])
        shipped = {name: load_card(name)["sha256"] for name in witness["weights"] if name in known()}
        assert witness["weights"] == shipped, "measure again: these are not the networks that ship"


@pytest.mark.parametrize("name", known())
def test_a_card_is_of_the_weights_beside_it(name: str) -> None:
    assert digest((DATA / "weights" / f"{name}.safetensors").read_bytes()) == load_card(name)["sha256"]


def test_only_what_is_there_is_excused() -> None:
    assert {name for name in OLD | PUBLISHED if not (ROOT / "data" / name).exists()} == set()
