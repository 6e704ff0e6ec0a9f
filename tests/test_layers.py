"""The house: who may import whom, how large each room may grow, and what is never imported on the way."""

import ast
import json
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "course_lib"
TORCH_ALONE = {"one_line", "constraints", "doors", "models"}
CORE = TORCH_ALONE | {"pgd", "tasks", "seeds", "pixels", "prepared", "plots"}
MAY_IMPORT: dict[str, set[str]] = {
    "one_line": set(),
    "constraints": set(),
    "doors": {"one_line"},
    "models": {"one_line"},
    "pixels": {"doors"},
    "pgd": {"one_line", "constraints", "doors"},
    "prepared": {"one_line", "models"},
    "seeds": {"one_line", "doors", "pixels"},
    "tasks": {"one_line", "constraints", "doors", "pgd", "pixels", "models"},
    "plots": {"pgd", "pixels"},
    "storage": {"one_line"},
    "datasets": {"one_line", "pixels", "storage"},
    "training": CORE | {"storage"},
    "measuring": CORE | {"storage"},
    "imagenet": CORE | {"datasets", "storage"},
    "testbeds": CORE | {"training", "datasets", "storage", "imagenet"},
    "checks": CORE | {"measuring", "storage"},
    "widgets": CORE | {"training", "testbeds", "datasets", "measuring"},
    "grading": {"one_line", "checks", "storage"},
    "authoring": CORE | {"training", "measuring", "datasets", "testbeds", "storage"},
    "__main__": {"authoring", "grading", "storage"},
}
ONLY_OF = {("testbeds", "training"): {"recipe"}}  # a testbed knows how its networks were trained, and trains none
ONLY_IN = {  # packages that cost time or room, or belong to one task
    "ipywidgets": {"widgets"},
    "anywidget": {"widgets"},
    "matplotlib": {"plots", "measuring", "authoring"},
    "robustness": {"imagenet"},
    "accelerate": {"training"},
    "torchvision": {"imagenet"},
}
NEVER_FOR_READERS = {"authoring", "grading"}  # of notebooks
CEILINGS = {  # logical lines, as Python's own tokenizer counts them: packing lines gains nothing
    "core": 825,
    "training": 426,
    "datasets": 1180,
    "testbeds": 493,
    "measuring": 349,
    "widgets": 1566,
    "checks": 872,
    "grading": 1301,
    "imagenet": 384,
    "storage": 300,
    "authoring": 1378,
}
TOTAL, JAVASCRIPT = 9069, 681
FLAT = 12  # modules that lie in course_lib itself


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(source: str) -> Iterator[str]:
    """The dotted name of everything that a source imports, wherever in the file; names in strings count, too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write the import from course_lib"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
            yield from named(node)


def named(call: ast.Call) -> Iterator[str]:
    """The modules that `import_module("...")` may import; a part that is not written out stands as `*`."""
    for node in call.args[:1]:
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in parts)


def violations(room: str, source: str) -> list[str]:
    """What a file of ``room`` imports and may not."""
    names = [name.split(".") for name in imported(source)]
    siblings = [name for name in names if name[0] == "course_lib" and len(name) > 1 and name[1] not in (room, "*")]
    foreign = {name[0] for name in names} - set(sys.stdlib_module_names) - {"course_lib", "*"}
    wrong = {name[1] for name in siblings} - MAY_IMPORT.get(room, set())
    for (inside, other), parts in ONLY_OF.items():
        if room == inside:
            wrong |= {".".join(name[1:3]) for name in siblings if name[1] == other and name[2] not in parts}
    if room in TORCH_ALONE:
        wrong |= foreign - {"torch"}
    return sorted(wrong | {name for name in foreign & ONLY_IN.keys() if room not in ONLY_IN[name]})


@pytest.mark.parametrize("name", FILES)
def test_a_file_imports_only_what_its_room_may(name: str) -> None:
    room = room_of(FILES[name])
    assert room == "__init__" or room in MAY_IMPORT, f"course_lib.{room} is new: give it a row in MAY_IMPORT"
    assert violations(room, FILES[name].read_text()) == []


@pytest.mark.parametrize(
    ("room", "source", "wrong"),
    [
        ("pgd", "from course_lib import constraints, tasks", ["tasks"]),
        ("constraints", "def f():\n    import scipy.ndimage", ["scipy"]),
        ("testbeds", "import matplotlib.pyplot", ["matplotlib"]),
        ("testbeds", "from course_lib.widgets.player import Player", ["widgets"]),
        ("testbeds", "from course_lib.training.recipe import Recipe", []),
        ("testbeds", "from course_lib.training.loop import train", ["training.loop"]),
        ("datasets", "from course_lib.datasets import drawing", []),
        ("training", 'import importlib\nimportlib.import_module("course_lib.authoring.train")', ["authoring"]),
        ("imagenet", 'import_module(f"course_lib.testbeds.{name}")', ["testbeds"]),
    ],
)
def test_a_wrong_import_is_seen(room: str, source: str, wrong: list[str]) -> None:
    assert violations(room, source) == wrong


def test_there_is_no_circle() -> None:
    left = {room: others & MAY_IMPORT.keys() for room, others in MAY_IMPORT.items()}
    while free := [room for room, others in left.items() if not others & left.keys()]:
        for room in free:
            del left[room]
    assert left == {}


def test_only_the_commands_import_what_makes_the_repository() -> None:
    assert [room for room, others in MAY_IMPORT.items() if "authoring" in others] == ["__main__"]


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_imports_nothing_of_authors_and_graders(path: Path) -> None:
    cells = json.loads(path.read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    names = [name.split(".") for source in code for name in imported(plain(source))]
    assert {name[1] for name in names if name[0] == "course_lib"} & NEVER_FOR_READERS == set()


def plain(cell: str) -> str:
    """A cell without its magics."""
    return "\n".join(line for line in cell.splitlines() if not line.startswith(("%", "!")))


# --- how large it is --------------------------------------------------------------------------------------------------


def logical_lines(source: bytes) -> int:
    return sum(token.type == tokenize.NEWLINE for token in tokenize.tokenize(BytesIO(source).readline))


def test_logical_lines_do_not_depend_on_how_a_line_is_written() -> None:
    assert logical_lines(b"f(\n    1,\n    2,\n)\n") == logical_lines(b"f(1, 2)\n") == 1
    assert logical_lines(b'"""Text\n\nof three lines."""\n# and a comment\n') == 1


def test_no_room_grows_beyond_its_ceiling() -> None:
    sizes: Counter[str] = Counter()
    for path in FILES.values():
        room = room_of(path)
        sizes["core" if room in CORE or room in ("__init__", "__main__") else room] += logical_lines(path.read_bytes())
    assert {room: size for room, size in sizes.items() if size > CEILINGS[room]} == {}
    assert sizes.total() <= TOTAL


def test_the_scripts_stay_small() -> None:
    lines = [line for path in PACKAGE.rglob("*.js") for line in path.read_text().splitlines()]
    assert sum(bool(line.strip()) for line in lines) <= JAVASCRIPT


def test_little_else_than_the_core_lies_flat() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= FLAT


# --- what an import costs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "module", ["course_lib", "course_lib.tasks", "course_lib.testbeds", "course_lib.training.loop"]
)
def test_importing_stays_light(module: str) -> None:
    program = f"import {module}, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path("/"))
    names = set(loaded.stdout.split())
    heavy = {"torchvision", "torch._dynamo", "matplotlib", "ipywidgets", "IPython", "robustness", "accelerate"}
    assert not heavy & names
