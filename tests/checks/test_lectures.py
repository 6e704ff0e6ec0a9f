"""No lecture gives a released exercise away: neither as code, nor as a function that does it under another name."""

import ast
import builtins
import contextlib
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import islice, permutations
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
import torch.nn.functional as F

from course_lib.checks.asking import Inputs, copied, tensor
from course_lib.checks.exercise import close
from course_lib.checks.report import exercises
from course_lib.constraints import L2Ball, LinfBall
from course_lib.pgd import Problem, solve
from tests.conftest import ROOT
from tests.tools.classroom import cells

LECTURES = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
WARM_UP = "ps1.project_l2"  # a lecture prints it, as the exercise says: it shows how a check works
ALL = {name: exercise for name, exercise in exercises().items() if name != WARM_UP}
GIVEN = {*dir(builtins), "torch", "F"}  # names that mean something; all others are only names
MOST_TRIES = 30  # orders of arguments for a function whose own names say nothing
SHORT = 6  # steps: as many as those of the exercises
NOTHING = ast.Constant(None)
Named = dict[str, Callable[..., Any]]


def trees(path: Path) -> list[ast.Module]:
    """The code cells of a notebook, without magics."""
    sources = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    lines = ([line for line in source.splitlines() if not line.startswith(("%", "!"))] for source in sources)
    return [ast.parse("\n".join(kept)) for kept in lines]


# --- the same code ----------------------------------------------------------------------------------------------------


class Nameless(ast.NodeTransformer):
    """Code whose own names are numbers, in the order in which they occur, and whose types and texts are gone."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def known(self, name: str) -> str:
        return name if name in GIVEN else self.names.setdefault(name, f"v{len(self.names)}")

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.copy_location(ast.Name(self.known(node.id), node.ctx), node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(self.known(node.arg))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name, node.returns = self.known(node.name), None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        return self.generic_visit(ast.Assign([node.target], node.value or ast.Constant(None), lineno=node.lineno))


def normalised(statements: list[ast.stmt]) -> str:
    """Statements without names; the last value counts, whether it is returned or kept."""
    own = written_anew(statements)
    if isinstance(last := own[-1], ast.Return | ast.Assign | ast.Expr) and last.value is not None:
        own[-1] = ast.Expr(last.value)
    return ast.dump(Nameless().visit(ast.Module(own, [])))


def written_anew(statements: list[ast.stmt]) -> list[ast.stmt]:
    """A copy. IPython's tracebacks leave a way to other trees in every node: `deepcopy` would go it for minutes."""
    return ast.parse(ast.unparse(ast.Module(statements, []))).body


def kinds(statements: list[ast.stmt]) -> tuple[type, ...]:
    """What kinds of statements these are; a value may be kept or returned."""
    return tuple(ast.Expr if isinstance(one, ast.Return | ast.Assign) else type(one) for one in statements)


def body(function: ast.FunctionDef) -> list[ast.stmt]:
    """What a function does, without its docstring."""
    return function.body[1:] if ast.get_docstring(function) is not None else function.body


@cache
def solution(name: str) -> ast.FunctionDef:
    number, _, function = name.partition(".")
    (found,) = ast.parse(cells(number)[function]).body
    assert isinstance(found, ast.FunctionDef)
    return found


@cache
def solutions() -> dict[tuple[type, ...], dict[str, str]]:
    """The exercises by the kinds of their statements, and by their text without names."""
    found: dict[tuple[type, ...], dict[str, str]] = {}
    for name in ALL:
        found.setdefault(kinds(body(solution(name))), {})[normalised(body(solution(name)))] = name
    return found


def copies(code: list[ast.Module]) -> set[str]:
    """The exercises whose solution stands in code, under whatever names."""
    blocks = [getattr(node, "body", None) for tree in code for node in ast.walk(tree)]
    return {
        name
        for block in blocks
        if isinstance(block, list)
        for shape, texts in solutions().items()
        for at in range(len(block) - len(shape) + 1)
        if kinds(part := block[at : at + len(shape)]) == shape and (name := texts.get(normalised(part)))
    }


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_no_lecture_prints_a_solution(path: Path) -> None:
    assert copies(trees(path)) == set()


def test_no_function_of_the_library_that_a_lecture_names_prints_a_solution() -> None:
    sources = {inspect.getsource(function) for function in named_in_lectures().values()}
    assert copies([ast.parse(textwrap.dedent(source)) for source in sources]) == set()


class Renamed(ast.NodeTransformer):
    """What a lecturer who reuses a solution does: other names for everything that is not given."""

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = node.id if node.id in GIVEN else f"my_{node.id}"
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg, node.annotation = f"my_{node.arg}", None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name, node.returns = f"my_{node.name}", None
        return self.generic_visit(node)


@pytest.mark.parametrize("name", ALL)
def test_a_renamed_copy_in_a_lecture_is_caught(name: str) -> None:
    (function,) = map(Renamed().visit, written_anew([solution(name)]))
    *before, last = body(function)
    assert isinstance(last, ast.Return) and last.value is not None  # noqa: PT018
    inline = ast.Module([*before, ast.Assign([ast.Name("kept")], last.value)], [])
    for planted in (ast.Module([function], []), inline):
        source = ast.unparse(ast.fix_missing_locations(planted))
        assert name in copies([*trees(LECTURES[0])[:2], ast.parse(f"begin = 0\n{source}\nend = 1")])


# --- the same answers -------------------------------------------------------------------------------------------------


def imports(code: list[ast.Module]) -> dict[str, Any]:
    space: dict[str, Any] = {"torch": torch, "F": F}
    for node in (node for tree in code for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)):
        exec(ast.unparse(node), space)
    return space


def named_in_lectures() -> Named:
    """Functions of the library that lectures import."""
    found = {}
    for path in LECTURES:
        for name, value in imports(trees(path)).items():
            if inspect.isfunction(value) and value.__module__.startswith("course_lib."):
                found[name] = value
    return found


def defined(code: list[ast.Module]) -> Named:
    """Functions that cells define, in a space that has their imports and each other, and nothing that was computed."""
    space, found = imports(code), {}
    for node in (node for tree in code for node in ast.walk(tree)):
        if isinstance(node, ast.FunctionDef) and node.col_offset == 0:
            node.decorator_list = []
            node.args.defaults = [one if isinstance(one, ast.Constant) else NOTHING for one in node.args.defaults]
            node.args.kw_defaults = [
                one and (one if isinstance(one, ast.Constant) else NOTHING) for one in node.args.kw_defaults
            ]
            exec(f"from __future__ import annotations\n{ast.unparse(node)}", space)
            found[node.name] = space[node.name]
    return found


METHODS: Named = {
    "L2Ball.project": lambda delta, radius: L2Ball(radius).project(delta),
    "LinfBall.project": lambda delta, radius: LinfBall(radius).project(delta),
    "L2Ball.direction": lambda gradient: L2Ball(1.0).direction(gradient),
    "LinfBall.direction": lambda gradient: LinfBall(1.0).direction(gradient),
}


def orders(function: Callable[..., Any], inputs: Inputs) -> Iterator[Inputs]:
    """Ways to call a function with these inputs: what has the same name first, then all orders of the rest."""
    taken = [one for one in inspect.signature(function).parameters.values() if one.kind not in (2, 4)]
    same = {one.name: inputs[one.name] for one in taken if one.name in inputs}
    left = [one for one in taken if one.default is one.empty and one.name not in same]
    rest = [value for name, value in inputs.items() if name not in same]
    rest += [ball(inputs["radius"]) for ball in (L2Ball, LinfBall) if "radius" in inputs]
    for values in islice(permutations(rest, len(left)), MOST_TRIES):
        if all(fits(one.annotation, value) for one, value in zip(left, values, strict=True)):
            yield same | {one.name: value for one, value in zip(left, values, strict=True)}


def fits(annotation: Any, value: Any) -> bool:
    """Whether a value may be what an annotation names; no annotation fits all."""
    word = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    if word.endswith("Tensor"):
        return isinstance(value, torch.Tensor)
    return word not in ("int", "float", "str", "bool") or isinstance(value, int | float)


def answer(function: Callable[..., Any], way: Inputs, inputs: Inputs) -> torch.Tensor:
    """What comes of a call: a short problem is solved, an objective is asked, a list is stacked."""
    result = function(**way)
    if isinstance(result, Problem):
        result = solve(replace(result, steps=min(result.steps, SHORT)))
    if callable(result):
        result = result(inputs["images"])
    return tensor(torch.stack(tuple(result)) if isinstance(result, tuple | list) else result)


@cache
def first_cases() -> dict[str, tuple[Inputs, torch.Tensor]]:
    """The first inputs of each exercise, as a student's function takes them, and the right answer."""
    found = {}
    for name, one in ALL.items():
        case = next(iter(one.cases(torch.Generator().manual_seed(0))))
        seen: list[Inputs] = []
        one.ask.call(lambda seen=seen, **inputs: seen.append(inputs), **case)
        found[name] = (seen[0], tensor(one.reference(**seen[0])))
    return found


def adapted(function: Callable[..., Any], name: str) -> bool:
    """Whether a function gives an exercise's answer to its first inputs, with its arguments in some order."""
    inputs, right = first_cases()[name]
    for way in orders(function, copied(inputs)):
        with contextlib.suppress(Exception):  # most orders make no sense to the function
            if close(answer(function, way, inputs).to(right), right):
                return True
    return False


def given_away(functions: Named) -> list[tuple[str, str]]:
    with torch.random.fork_rng():
        return [(label, name) for label, function in functions.items() for name in ALL if adapted(function, name)]


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_no_function_of_a_lecture_passes_a_check(path: Path) -> None:
    assert given_away(defined(trees(path))) == []


def test_no_function_of_the_library_that_a_lecture_names_passes_a_check() -> None:
    assert given_away(named_in_lectures() | METHODS) == []


@pytest.mark.parametrize("name", ["ps1.project_patch", "ps3.component", "ps4.painting_loss", "ps5.difference"])
def test_a_function_that_does_an_exercise_is_caught(name: str) -> None:
    """Under other names, with its arguments in another order, and by other code."""
    names = list(first_cases()[name][0])
    call = ", ".join(f"{one}=a_{one}" for one in names)
    space = {"right": ALL[name].reference}
    exec(f"def other({', '.join(f'a_{one}' for one in reversed(names))}):\n    return right({call})", space)
    assert ("other", name) in given_away({"other": space["other"]})
