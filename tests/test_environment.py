"""The three descriptions of the environment agree: pyproject.toml, uv.lock and environment.yml (parsed, not solved)."""

import re
import tomllib

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.conftest import ROOT

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
    wanted = project_bounds() | bounds(PROJECT["dependency-groups"]["dev"])
    assert [pair for pair in versions if pair[0] in wanted and Version(pair[1]) not in wanted[pair[0]]] == []
    assert wanted.keys() <= {name for name, _ in versions}
