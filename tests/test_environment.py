"""The three descriptions of the environment agree: pyproject.toml, uv.lock and environment.yml (parsed, not solved).

So do the two descriptions of what hosted CI does, and the programs that tests need are there or missed aloud.
"""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.conftest import ROOT
from tests.tools import programs

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = tomllib.loads((ROOT / "uv.lock").read_text())
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())
CONDA_NAMES = {"pytorch-cpu": "torch"}
ONLY_ON_PYPI = {"robustness"}  # `pip: -e .` brings it

Bounds = dict[str, SpecifierSet]


def bounds(requirements: list[str]) -> Bounds:
    return {canonicalize_name(r.name): r.specifier for r in map(Requirement, requirements)}


def conda_packages() -> Bounds:
    """Name and bounds of each conda package; conda's ``=3.12`` means ``==3.12.*``."""
    lines = [
        re.sub(r"^([\w-]+)=(?!=)(.+)$", r"\1==\2.*", line) for line in CONDA["dependencies"] if isinstance(line, str)
    ]
    return {CONDA_NAMES.get(name, name): specifier for name, specifier in bounds(lines).items()}


def test_conda_and_the_project_ask_for_the_same() -> None:
    conda = conda_packages()
    python, _ = conda.pop("python"), conda.pop("pip")
    wanted = bounds(PROJECT["project"]["dependencies"])
    assert conda == {name: wanted[name] for name in wanted.keys() - ONLY_ON_PYPI}
    minor = str(python).removeprefix("==").removesuffix(".*")
    assert Version(f"{minor}.0") in SpecifierSet(PROJECT["project"]["requires-python"])


def test_conda_uses_one_channel_and_installs_the_package_itself() -> None:
    assert CONDA["channels"] == ["conda-forge", "nodefaults"]
    assert [line["pip"] for line in CONDA["dependencies"] if isinstance(line, dict)] == [["-e ."]]


def locked(requirements: list[dict[str, str]]) -> Bounds:
    return {entry["name"]: SpecifierSet(entry.get("specifier", "")) for entry in requirements}


def test_the_lock_is_in_step_with_the_project() -> None:
    (own,) = [package for package in LOCK["package"] if package["source"] == {"editable": "."}]
    assert own["name"] == PROJECT["project"]["name"]
    assert locked(own["metadata"].get("requires-dist", [])) == project_bounds()
    groups = {group: locked(entries) for group, entries in own["metadata"]["requires-dev"].items()}
    assert groups == {group: bounds(entries) for group, entries in PROJECT["dependency-groups"].items()}
    assert SpecifierSet(LOCK["requires-python"]) == SpecifierSet(PROJECT["project"]["requires-python"])


def project_bounds() -> Bounds:
    extras = PROJECT["project"].get("optional-dependencies", {}).values()
    return bounds([*PROJECT["project"]["dependencies"], *(line for extra in extras for line in extra)])


def test_everything_locked_comes_from_the_public_index() -> None:
    others = [package for package in LOCK["package"] if package["source"] != {"editable": "."}]
    assert {package["source"].get("registry") for package in others} == {"https://pypi.org/simple"}
    files = [file for package in others for file in [*package.get("wheels", []), package.get("sdist")] if file]
    assert {file["url"].split("/")[2] for file in files} == {"files.pythonhosted.org"}
    assert all(file["hash"].startswith("sha256:") for file in files)


def test_every_locked_version_is_within_the_bounds() -> None:
    versions = {(package["name"], package["version"]) for package in LOCK["package"]}
    wanted = project_bounds() | bounds([line for group in PROJECT["dependency-groups"].values() for line in group])
    assert [pair for pair in versions if pair[0] in wanted and Version(pair[1]) not in wanted[pair[0]]] == []
    assert wanted.keys() <= {name for name, _ in versions}


# --- CI ---------------------------------------------------------------------------------------------------------------

WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())
STEPS = [step["run"] for step in WORKFLOW["jobs"]["test"]["steps"] if "run" in step]


def program(folder: Path, name: str, *lines: str) -> None:
    """Put a shell script first on the PATH, which notes its arguments in the file `folder`/asked."""
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", f'echo "$CI $*" >> {folder}/asked', *lines]))
    path.chmod(0o755)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.delenv("CI", raising=False)
    return tmp_path


def test_the_workflow_runs_our_script_and_that_runs_make_test(elsewhere: Path) -> None:
    assert STEPS[-1] == ".ci/run ${{ github.event_name == 'schedule' && 'test-full' || 'test' }}"
    assert not [step for step in STEPS if re.search(r"\b(make|pytest)\b", step)]
    program(elsewhere, "make", "echo 1 failed", "echo make: '***' Error 1", "exit 3")
    for arguments in ([], ["test"], ["test-full"]):
        run = subprocess.run([ROOT / ".ci/run", *arguments], capture_output=True, text=True, check=False)
        assert (run.returncode, run.stdout) == (3, "1 failed\n")
    assert (elsewhere / "asked").read_text() == "true test\ntrue test\ntrue test-full\n"


def test_lecturers_and_the_workflow_give_bubblewrap_the_same_profile() -> None:
    """Ubuntu 24.04 stops it without."""
    guide = (ROOT / "notebooks/exercises/README.md").read_text()
    here, there = (
        [line.strip() for line in text.splitlines() if "apparmor" in line] for text in (guide, "\n".join(STEPS))
    )
    assert here == there
    assert len(here) == 2


# --- programs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_missing_program_is_a_failure_on_a_ci_machine(
    ci: str, outcome: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    assert programs.needed("/usr/bin/chromium", "no browser") == "/usr/bin/chromium"
    for nothing in (None, False):
        with pytest.raises(outcome, match="no browser"):
            programs.needed(nothing, "no browser")


def test_no_test_is_skipped_in_another_way() -> None:
    words = re.compile(r"pytest\.skip\(|skipif|importorskip|mark\.skip|\bSkipTest\b")
    files = {path.relative_to(ROOT).as_posix(): path.read_text() for path in (ROOT / "tests").rglob("*.py")}
    assert [name for name, text in files.items() if words.search(text) and name != "tests/test_environment.py"] == []


def test_programs_are_installed_once_the_locks_are_free(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(programs.time, "sleep", lambda seconds: None)
    busy = f'test "$(wc -l < {elsewhere}/asked)" -gt 2 || {{ echo E: Could not get lock >&2; exit 100; }}'
    program(elsewhere, "apt-get", busy)
    programs.install("bubblewrap")
    start = " -qq -o DPkg::Lock::Timeout=300 "
    assert (elsewhere / "asked").read_text().splitlines() == [
        *[start + "update"] * 3,
        start + "install -y --no-install-recommends bubblewrap",
    ]
