"""Set-up brings no CUDA to a laptop: `make setup` against an index of stand-in wheels, with the real uv.

Below it: what the lock leaves out, and what a release consists of.
"""

import json
import re
import shutil
import socket
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from course_lib.imagenet.robustness import build, import_robustness
from tests.conftest import ROOT
from tests.tools.setup import Clone, cloned, installed

WITH_CUDA = {"torch 2.0", "torchvision 0.5", "nvidia-cudnn-cu13 9", "cuda-bindings 13", "triton 3", "sympy 1"}
FOR_THE_CPU = {"torch 2.0+cpu", "torchvision 0.5+cpu", "sympy 1"}


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    with cloned(tmp_path) as found:
        yield found


def test_a_laptop_gets_pytorch_for_the_cpu_and_no_test_tools(clone: Clone) -> None:
    clone.make("setup", CUDA="0")
    assert installed(clone.folder) == FOR_THE_CPU
    assert clone.make("setup") == ""  # a second run installs nothing


def test_tests_add_their_tools_and_no_cuda_whether_or_not_the_index_still_answers(clone: Clone) -> None:
    clone.make("setup", CUDA="0")
    clone.make("tools", CUDA="0", PYTORCH_INDEX="http://127.0.0.1:9")
    assert installed(clone.folder) == FOR_THE_CPU | {"pytest 8"}
    clone.changed()
    clone.make("setup", CUDA="0", PYTORCH_INDEX="http://127.0.0.1:9")
    assert installed(clone.folder) == FOR_THE_CPU | {"pytest 8"}


def test_where_a_driver_is_found_the_lock_is_followed(clone: Clone) -> None:
    driver = clone.folder.parent / "bin" / "nvidia-smi"
    driver.write_text("#!/bin/sh\n")
    driver.chmod(0o755)
    clone.make("setup")
    assert installed(clone.folder) == WITH_CUDA
    clone.changed()
    clone.make("setup", CUDA="0")  # who asks, gets the smaller one
    assert installed(clone.folder) == FOR_THE_CPU
    clone.changed()
    clone.make("setup", CUDA="1")
    assert installed(clone.folder) == WITH_CUDA


@pytest.mark.parametrize("index", ["cpu", "nothing here"])
def test_without_pytorchs_index_the_lock_is_followed_and_a_sentence_says_so(clone: Clone, index: str) -> None:
    shutil.rmtree(clone.folder.parent / "index" / "cpu" / "torch")
    said = clone.make("setup", CUDA="0", PYTORCH_INDEX=f"{clone.address}/{index}".replace(" ", "%20"))
    assert said.count("did not answer within 300 s with torch==2.0+cpu torchvision==0.5+cpu: ") == 1
    assert installed(clone.folder) == WITH_CUDA


def test_an_index_that_never_answers_is_not_waited_for(clone: Clone) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = f"http://127.0.0.1:{silent.getsockname()[1]}"
        said = clone.make("setup", CUDA="0", PYTORCH_INDEX=index, PYTORCH_PATIENCE="1")
    assert f"{index} did not answer within 1 s" in said
    assert installed(clone.folder) == WITH_CUDA


def test_an_environment_whose_python_has_gone_is_made_anew(clone: Clone) -> None:
    clone.make("setup", CUDA="0")
    python = clone.folder / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python")
    clone.make("setup", CUDA="0")
    assert installed(clone.folder) == FOR_THE_CPU


# --- what is installed ------------------------------------------------------------------------------------------------

LEFT_OUT = ["git", "GPUtil", "grpc", "psutil", "py3nvml", "sklearn", "scipy", "seaborn", "tables"]
PARTS = ["attacker", "train", "model_utils", "datasets", "loaders", "cifar_models", "imagenet_models"]


def test_the_lock_leaves_out_what_robustness_never_imports() -> None:
    lock = {package["name"]: package for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    asked = {need["name"] for name in ("robustness", "cox") for need in lock[name]["dependencies"]}
    assert asked == {"cox", "dill", "numpy", "pandas", "tensorboardx", "torch", "torchvision", "tqdm"}


def test_robustness_works_without_the_packages_that_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the course and its tests import of it, anew and where none of the others can be imported."""
    for name in [name for name in sys.modules if name.split(".")[0] in ("robustness", "cox", "tensorboardX")]:
        monkeypatch.delitem(sys.modules, name)
    for name in LEFT_OUT:
        monkeypatch.setitem(sys.modules, name, None)
    for part in PARTS:
        import_robustness(f"robustness.{part}")
    assert build("resnet18", 10)


# --- releases ---------------------------------------------------------------------------------------------------------

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
FILES = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / ".github" / "workflows").glob("*.yml")}


def test_version_address_and_licence_are_the_same_everywhere() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert re.findall(r"^## (\d\S*)$", changes, re.MULTILINE)[0] == PROJECT["version"] == CITATION["version"]
    assert CITATION["url"] == PROJECT["urls"]["Documentation"]
    assert CITATION["license"] == PROJECT["license"]
    assert [each["name"] for each in CITATION["authors"]] == [each["name"] for each in PROJECT["authors"]]


def test_the_citation_has_what_its_format_asks_for() -> None:
    assert CITATION.keys() >= {"authors", "cff-version", "message", "title"}
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION["type"] in ("software", "dataset")
    for reference in CITATION["references"]:
        assert reference.keys() >= {"authors", "title", "type"}


def test_a_release_is_published_with_the_least_permissions() -> None:
    assert FILES["release"]["permissions"] == {}
    jobs = FILES["release"]["jobs"]
    rights = {name: job["permissions"] for name, job in jobs.items()}
    assert rights == {"build": {"contents": "read"}, "publish": {"id-token": "write"}}
    assert jobs["publish"]["needs"] == "build"


def test_the_hosted_matrix_has_the_oldest_and_the_newest_python() -> None:
    known = SpecifierSet(PROJECT["requires-python"])
    inside = [f"3.{minor}" for minor in range(30) if Version(f"3.{minor}") in known]
    assert FILES["test"]["jobs"]["test"]["strategy"]["matrix"]["python"] == [inside[0], inside[-1]]


def test_every_way_to_install_is_the_one_that_brings_no_cuda() -> None:
    docker, container = (ROOT / "Dockerfile").read_text(), (ROOT / ".devcontainer" / "devcontainer.json").read_text()
    assert "RUN make setup" in docker
    assert docker.index("USER student") < docker.index("RUN make setup")
    assert json.loads(container)["postCreateCommand"] == "make setup"
    steps = [step.get("run", "") for file in FILES.values() for job in file["jobs"].values() for step in job["steps"]]
    for machine in FILES["test"]["jobs"]["smoke"]["strategy"]["matrix"]["include"]:
        assert ("--torch-backend=cpu" in machine["install"]) == machine["system"].startswith("ubuntu")
    assert [step for step in steps if re.search(r"uv sync|uv run(?! --no-sync)", step)] == []
