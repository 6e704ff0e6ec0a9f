"""CONTRIBUTING.md, followed word by word in a copy of the library: each thing is added in one place, and is there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

RECIPES = re.compile(
    r"^(At the end of|In|New file) (?:`(course_lib/\S+)`|a notebook)([^\n]*):\n\n```python\n(.*?)```", re.M | re.S
)
REGISTRY = re.compile(r"to `(\w+)`")
PROGRAM = """
import torch
from course_lib import testbeds
from course_lib.__main__ import main
from course_lib.authoring.measure import restoration, row, seen
from course_lib.authoring import tune
from course_lib.authoring.trials import trials
from course_lib.pgd import solve

main(["train", "stripes-robust", "stripes-standard", "stripes-judge"])
tune.STEPS = tune.FEWER = (4,)
main(["tune", "--count", "12", "--final", "12"])
testbed = testbeds.load()
clean = testbed.models["robust"](testbed.batch("test", range(20))[0]).argmax(1) == testbed.test.labels[:20]
assert clean.float().mean() > 0.8, "the toy testbed has been learned"
assert testbed.tuned["brighten"]["ball"].radius == 0.5, "2.0 at 64 pixels is the better of two"

kinds = {trial.name: trial for trial in trials(testbed, split="test", count=4)}
assert row(seen(testbed, kinds["generation, grey"]))["start"]["length"] == 0
assert (testbed.seeds("grey").sample(torch.arange(2), generator=torch.Generator()) == 0.5).all()

rows = restoration(testbed, count=5, model=testbed.robust)
assert rows["brightening"]["gain"][0] > 0.001 and rows["brightening"]["baseline"] == "the picture"

exec(open("demo.py").read())
assert "grey" in player.controls["kind"].options
player.run(kind="grey", epsilon=1.0)
assert player.wait(60)["robust"].images.shape == (2, 3, 16, 16)

from course_lib.tasks import brighten
from course_lib.constraints import L2Ball
from course_lib.widgets import Player, controls
images, _ = testbed.batch("test", range(2))
brighter = Player(
    lambda epsilon: {"robust": brighten(testbed.robust, images, ball=L2Ball(epsilon))},
    names=["robust"], epsilon=controls.epsilon(1.0),
)
brighter.run()
assert brighter.wait(60)["robust"].images.mean() > images.mean(), "any demo takes the new task's problem"
"""


@pytest.fixture(scope="module")
def recipes() -> list[tuple[str, str, str, str]]:
    """(where in a file, the file, what else is said of the place, code) of each recipe."""
    return RECIPES.findall((ROOT / "CONTRIBUTING.md").read_text())


def follow(root: Path, where: str, file: str, place: str, code: str) -> None:
    """Put the code where the recipe says."""
    path = root / (file or "demo.py")
    if where == "New file":
        assert not path.exists()
    if registry := REGISTRY.search(place):
        source = path.read_text()
        opened = re.search(rf"^{registry[1]}\b.*= \{{.*\n", source, re.M)
        assert opened, f"{file} has no registry {registry[1]}"
        source = source[: opened.end()] + code + source[opened.end() :]
        if "beside the other imports" in place:
            name = code.split(":")[1].split(".")[0].strip()
            source = re.sub(r"^from course_lib.testbeds import .*", rf"\g<0>, {name}", source, count=1, flags=re.M)
        path.write_text(source)
    else:
        path.write_text((path.read_text() + "\n\n" if path.exists() else "") + code)


def test_the_four_recipes_work_as_they_are_written(recipes: list[tuple[str, str, str, str]], tmp_path: Path) -> None:
    assert len(recipes) == 7, "a kind of seeds, a testbed, a task and its row, a demo"
    shutil.copytree(ROOT / "course_lib", tmp_path / "course_lib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "data" / "tuned", tmp_path / "data" / "tuned")
    for recipe in recipes:
        follow(tmp_path, *recipe)
    demo = [line for line in (tmp_path / "demo.py").read_text().splitlines() if line.strip()]
    assert len(demo) <= 15
    own = {"PYTHONPATH": str(tmp_path), "COURSE_CACHE": str(tmp_path / "cache"), "TESTBED": "stripes"}
    own |= {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    ran = subprocess.run(command, cwd=tmp_path, env=os.environ | own, capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-4000:]
