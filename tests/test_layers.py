"""Who may import whom in course_lib, read from the source."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "course_lib"
MATHS = {"pixels", "constraints", "models", "pgd", "tasks", "seeds"}
LIBRARY = MATHS | {
    "files",
    "fetching",
    "store",
    "strokes",
    "sketches",
    "recipe",
    "augmentation",
    "evaluation",
    "batch_norm",
    "processes",
    "training",
    "weights",
    "statistics",
    "testbed",
    "zoo",
    "imagenet",
    "restricted",
    "datasets",
    "metrics",
    "inception",
    "plots",
}
# Programs: only they import each other.
COMMANDS = {"recipes", "trainer", "trials", "quality", "tuning", "tables", "gallery", "samples"}

MAY_IMPORT: dict[str, set[str]] = {
    "pixels": set(),
    "constraints": set(),
    "models": set(),
    "pgd": {"constraints"},
    "tasks": {"pgd", "constraints", "pixels", "models"},  # of models only the type of an argument
    "seeds": {"pixels"},
    "recipe": {"constraints", "models"},
    "augmentation": {"recipe", "pixels"},
    "evaluation": {"pgd", "constraints"},
    "batch_norm": set(),
    "processes": {"models", "batch_norm"},
    "training": {"pgd", "constraints", "models", "recipe", "augmentation", "processes"},
    "files": set(),
    "fetching": {"files"},
    "store": {"files"},
    "strokes": set(),
    "sketches": {"files", "strokes"},
    "weights": {"files", "models", "recipe"},
    "datasets": {"files", "fetching", "pixels"},
    "statistics": {"files", "pixels", "seeds", "datasets"},
    "testbed": {"files", "datasets", "models", "seeds", "weights", "constraints", "statistics"},
    "imagenet": {"datasets", "fetching", "files", "models", "robustness_interop"},
    "restricted": {"imagenet", "datasets", "models"},
    "zoo": {"testbed", "datasets", "files", "models", "weights", "imagenet", "restricted"},
    "metrics": {"models", "pixels"},
    "inception": {"files"},
    "plots": {"pgd", "pixels"},
    "checks": MATHS | {"files"},
    "robustness_interop": {"files", "models"},
    "grading": LIBRARY | {"checks"},
    "__main__": {"grading"},
    "widgets": LIBRARY | {"checks"},
} | dict.fromkeys(COMMANDS, LIBRARY | COMMANDS)

MATHS_MAY_USE = {"torch", "torchvision"}
PIXELS_MAY_USE = MATHS_MAY_USE | {"numpy", "PIL"}
ONLY_IN = {
    "ipywidgets": {"widgets"},
    "anywidget": {"widgets"},
    "matplotlib": {"plots", "gallery", "widgets", "grading"},
    "robustness": {"robustness_interop"},
    "accelerate": {"processes"},
}

FILES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(source: str) -> Iterator[str]:
    """The dotted name of everything that a source imports, wherever in the file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write the import from course_lib"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def violations(module: str, source: str) -> list[str]:
    """What ``module`` (the first name below course_lib) imports and may not."""
    names = [name.split(".") for name in imported(source)]
    siblings = {name[1] for name in names if name[0] == "course_lib"} - {module}
    foreign = {name[0] for name in names} - set(sys.stdlib_module_names) - {"course_lib"}
    wrong = siblings - MAY_IMPORT.get(module, set())
    if module in MATHS:
        wrong |= foreign - (PIXELS_MAY_USE if module == "pixels" else MATHS_MAY_USE)
    return sorted(wrong | {name for name in foreign & ONLY_IN.keys() if module not in ONLY_IN[name]})


@pytest.mark.parametrize("name", FILES)
def test_module_imports_only_what_it_may(name: str) -> None:
    module = name.removesuffix(".py").split("/")[0]
    assert module == "__init__" or module in MAY_IMPORT, f"course_lib.{module} is new: give it a row in MAY_IMPORT"
    assert violations(module, FILES[name].read_text()) == []


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("pgd", "from course_lib import constraints, tasks", ["tasks"]),
        ("pixels", "def f():\n    import scipy.ndimage", ["scipy"]),
        ("zoo", "import matplotlib.pyplot", ["matplotlib"]),
        ("zoo", "from course_lib.widgets.player import Player", ["widgets"]),
        ("datasets", "from course_lib.datasets import drawing", []),
    ],
)
def test_a_wrong_import_is_seen(module: str, source: str, wrong: list[str]) -> None:
    assert violations(module, source) == wrong


@pytest.mark.parametrize(
    "module",
    ["course_lib", "course_lib.tasks", "course_lib.zoo", "course_lib.training.loop", "course_lib.robustness_interop"],
)
def test_importing_stays_light(module: str) -> None:
    program = f"import {module}, sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path("/"))
    assert not {"matplotlib", "ipywidgets", "IPython", "robustness", "accelerate"} & set(loaded.stdout.split())
