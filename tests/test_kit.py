"""The kit sets up a laptop without a network, and says in one sentence what is wrong with a copy."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT
from tests.tools import programs
from tests.tools.setup import cloned, installed, settings

WITH_CUDA = {"torch 2.0", "torchvision 0.5", "nvidia-cudnn-cu13 9", "cuda-bindings 13", "triton 3", "sympy 1", "uv 1"}
FOR_THE_CPU = {"torch 2.0+cpu", "torchvision 0.5+cpu", "sympy 1", "uv 1"}


@pytest.fixture(scope="module")
def module() -> Iterator[ModuleType]:
    """The program of `make kit`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / ".setup"))
        found = importlib.util.spec_from_file_location("kit", ROOT / ".setup" / "kit.py")
        assert found is not None
        assert found.loader is not None
        made = importlib.util.module_from_spec(found)
        found.loader.exec_module(made)
        yield made


def without_network() -> list[str]:
    """What starts a program in a network namespace that has no route."""
    ways = (["unshare", "--net"], ["bwrap", "--dev-bind", "/", "/", "--unshare-net"])
    works = (way for way in ways if shutil.which(way[0]) and not subprocess.run([*way, "true"]).returncode)
    return programs.needed(next(works, None), "neither unshare nor bwrap makes a network namespace here")


@pytest.fixture(scope="module", params=["cpu", "none"])
def kit(request: pytest.FixtureRequest, module: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kit of stand-in wheels; the parameter is the index of PyTorch's builds that was there."""
    folder = tmp_path_factory.mktemp("kit")
    with cloned(folder) as clone, pytest.MonkeyPatch.context() as patch:
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
        for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
            subprocess.run([*git, *words], cwd=clone.folder, check=True)
        for name, value in settings(folder).items():
            patch.setenv(name, value)
        patch.setattr(module, "PYTORCH_INDEX", f"{clone.address}/{request.param}")
        module.write(folder / "stick", [module.this_machine()], clone.folder)
    return folder / "stick"


def start(kit: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*without_network(), sys.executable, str(kit / "start.py"), *words, "--no-lab"]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_laptop_is_set_up_without_a_network(kit: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    course = tmp_path / "my course"
    ran = start(kit, str(course))
    assert ran.returncode == 0, ran.stderr
    assert installed(course) == (FOR_THE_CPU if "cpu" in request.node.name else WITH_CUDA)
    python = course / ".venv" / "bin" / "python"
    program = "import course_lib, torch; print(course_lib.__file__, torch.version)"
    said = subprocess.run([python, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout.startswith(f"{course}/course_lib/__init__.py 2.0")
    assert (course / ".venv" / "etc" / "jupyter" / "labconfig" / "default_setting_overrides.json").exists()
    assert not (course / ".kit").exists()
    assert start(kit, str(course)).stdout == ""  # set up already


@pytest.mark.parametrize("kit", ["cpu"], indirect=True)
@pytest.mark.parametrize("harm", ["damaged", "missing", "unfinished", "of another laptop"])
def test_a_bad_copy_is_noticed_before_anything_is_written(kit: Path, tmp_path: Path, harm: str) -> None:
    copy = Path(shutil.copytree(kit, tmp_path / "copy"))
    (torch,) = copy.glob("wheels/torch-*.whl")
    contents = json.loads((copy / "list.json").read_text())
    if harm == "damaged":
        torch.write_bytes(torch.read_bytes()[:-1])
    elif harm == "missing":
        torch.unlink()
    elif harm == "unfinished":
        (copy / "list.json").unlink()
    else:
        contents["laptops"] = {"windows-amd64-3.12": []}
        (copy / "list.json").write_text(json.dumps(contents))
    ran = start(copy, str(tmp_path / "course"))
    sentence = {
        "damaged": f"expected wheels/{torch.name} as it was written, got another: copy the kit again\n",
        "missing": f"expected wheels/{torch.name} as it was written, got none: copy the kit again\n",
        "unfinished": ", got one for nothing: copy it again\n",
        "of another laptop": ", got one for windows-amd64-3.12\n",
    }
    assert ran.returncode == 1
    assert ran.stderr.endswith(sentence[harm])
    assert ran.stderr.count("\n") == 1
    assert not (tmp_path / "course").exists()


LOCK = tomllib.loads((ROOT / "uv.lock").read_text())
LAPTOPS = ["linux-x86_64-3.11", "linux-aarch64-3.14", "macos-arm64-3.11", "macos-arm64-3.14"]
LAPTOPS += ["windows-amd64-3.11", "windows-amd64-3.14"]


@pytest.mark.parametrize("laptop", LAPTOPS)
def test_the_lock_has_wheels_for_every_laptop_and_they_are_small(
    laptop: str, module: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "for_the_cpu", lambda name, version: [])
    files = [*module.wheels(laptop, ROOT)]
    names = [module.name_of(address) for address, _ in files]
    sizes = {wheel["url"]: wheel["size"] for each in LOCK["package"] for wheel in each.get("wheels", [])}
    if not laptop.startswith("linux"):
        assert sum(sizes[address] for address, _ in files) <= 450e6
    assert {"torch", "torchvision", "uv", "jupyterlab", "robustness"} <= {name.split("-")[0] for name in names}
    assert bool([name for name in names if name.startswith("nvidia")]) == laptop.startswith("linux")
    assert ("with CUDA" in capsys.readouterr().err) == laptop.startswith("linux")


def test_pytorchs_builds_take_the_place_of_cuda(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def theirs(name: str, version: str) -> list[tuple[str, str]]:
        return [(f"https://a/{name}-{version}%2Bcpu-cp312-cp312-manylinux_2_28_x86_64.whl", "")]

    monkeypatch.setattr(module, "for_the_cpu", theirs)
    names = [module.name_of(address) for address, _ in module.wheels("linux-x86_64-3.12", ROOT)]
    assert [name for name in names if name.startswith(("nvidia", "cuda", "triton"))] == []
    assert sum("+cpu" in name for name in names) == 2


@pytest.mark.full
def test_the_real_kit_sets_up_within_a_minute(tmp_path: Path) -> None:
    """Of wheels that come from the indexes: a download of 3 GB where PyTorch's does not answer."""
    subprocess.run(["make", "kit"], cwd=ROOT, check=True)
    began = time.monotonic()
    ran = start(ROOT / "build" / "kit", str(tmp_path / "course"))
    seconds = time.monotonic() - began
    assert ran.returncode == 0, ran.stderr
    program = "from course_lib import testbeds; testbeds.load().robust"
    subprocess.run([tmp_path / "course" / ".venv" / "bin" / "python", "-c", program], cwd=tmp_path, check=True)
    if not any(name.startswith("nvidia") for name in os.listdir(ROOT / "build" / "kit" / "wheels")):
        assert seconds <= 60
