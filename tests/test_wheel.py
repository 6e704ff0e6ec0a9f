"""The wheel holds all that the library reads: it works where there is no repository."""

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

PROGRAM = """
import torch
from course_lib import testbeds
from course_lib.datasets import sketches
from course_lib.pgd import solve
from course_lib.tasks import generate

testbed = testbeds.load()
labels = torch.arange(2)
seeds = testbed.seeds("uniform").sample(labels, generator=torch.Generator().manual_seed(0))
images = solve(generate(testbed.robust, seeds, labels, **testbed.tuned["generate from noise"] | {"steps": 2}))
assert images.shape == (2, 3, 64, 64) and len(sketches.load()) == 20
assert testbeds.load("imagenette-128").seeds("multivariate").centres(0).shape == (1, 3, 128, 128)
import course_lib
print(course_lib.__file__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    (built,) = folder.glob("*.whl")
    return built


def test_an_installed_wheel_generates_outside_the_repository(wheel: Path, tmp_path: Path) -> None:
    """In an empty environment, to which the packages that the library needs are lent, but not the library itself."""
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    python = tmp_path / "empty" / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(tmp_path / "empty")], check=True)
    quiet = ["--quiet", "--offline", "--no-deps", "--python", str(python)]
    subprocess.run([uv, "pip", "install", *quiet, str(wheel)], check=True, cwd=tmp_path)
    (packages,) = (tmp_path / "empty").glob("lib/python3*/site-packages")
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    ran = subprocess.run(
        [python, "-W", "error", "-c", PROGRAM],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"HOME": str(tmp_path)},
    )
    assert ran.returncode == 0, ran.stderr
    assert Path(ran.stdout.strip()).is_relative_to(packages)


def test_the_wheel_holds_the_library_and_its_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    shipped = ("robust_image_synthesis-", "course_lib/")
    assert [name for name in names if not name.startswith(shipped)] == []
    weights = {Path(name).stem for name in names if name.startswith("course_lib/data/weights/")}
    assert weights == {path.stem for path in (ROOT / "data" / "weights").iterdir()}
    kinds = (".py", ".js", ".css", ".html", ".json", ".safetensors", ".webp")
    assert all(name.endswith(kinds) for name in names if "-info" not in name)
