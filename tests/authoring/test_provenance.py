"""Where a result comes from: what it names changes with the code, the weights and the pictures."""

import hashlib
import re
import subprocess

import pytest
import torch

from course_lib import testbeds
from course_lib.authoring import provenance as made
from course_lib.storage.files import DATA
from course_lib.testbeds.weights import FOLDER, load_card
from tests.conftest import ROOT
from tests.tools import tiny


def test_it_names_commit_weights_data_libraries_and_device() -> None:
    named = made.provenance(["picturebook-robust", "no such network"], data={"pictures": b"abc"})
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert named["commit"] == head.stdout.strip()
    data = (FOLDER / "picturebook-robust.safetensors").read_bytes()
    assert named["weights"] == {"picturebook-robust": hashlib.sha256(data).hexdigest()}
    assert named["data"] == {"pictures": hashlib.sha256(b"abc").hexdigest()}
    assert torch.__version__.startswith(named["libraries"]["torch"])
    assert re.fullmatch(r"cpu, \w+|NVIDIA .*", named["device"])


def test_a_copy_without_history_says_its_commit_by_a_variable(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(made, "DATA", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.delenv("COMMIT", raising=False)
    assert made.commit() == "unknown"
    monkeypatch.setenv("COMMIT", "abc")
    assert made.commit() == "abc"


def test_a_testbed_names_every_network_and_what_was_looked_at() -> None:
    testbed = testbeds.load("imagenette-128")
    named = made.of_testbed(testbed)
    assert named["weights"] == {name: load_card(name)["sha256"] for name in testbed.weights.values()}
    assert named["data"].keys() == {"statistics", "settings"}
    shipped = (DATA / "tuned" / "imagenette-128.json").read_bytes()
    assert named["data"]["settings"] == hashlib.sha256(shipped).hexdigest()
    seen = made.of_testbed(tiny.untrained_testbed(), split="test", tuned=False)
    assert seen["data"].keys() == {"first 40 pictures, test"}
    other = made.of_testbed(tiny.untrained_testbed(), split="validation")
    assert not set(seen["data"].values()) & set(other["data"].values())
