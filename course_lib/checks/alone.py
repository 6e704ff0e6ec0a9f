"""Whether the cell of a student's function stands on its own, as it has to where it is graded.

The grader runs each cell alone, in a process that has torch and F (torch.nn.functional) and nothing of the course. A
notebook has more: imports at its top, functions of other cells. So what works there may fail when it is graded.
"""

import ast
import builtins
import linecache
from collections.abc import Iterator
from types import CodeType
from typing import Any

GIVEN = {"torch", "F", "__name__", *dir(builtins)}
CELLS = ("ipykernel_", "<ipython-input-")  # in the names that notebooks give to the code of their cells


def borrowed(function: Any) -> list[str]:
    """Names that the cell of a function takes from elsewhere; none where it was not written in a notebook."""
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType) or not any(words in code.co_filename for words in CELLS):
        return []
    nodes = list(ast.walk(ast.parse("".join(linecache.getlines(code.co_filename)))))
    used = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    own = {name for node in nodes for name in bound(node)}
    course = {name for node in nodes for name in imported(node) if name.split(".")[0] == "course_lib"}
    return sorted(used - own - GIVEN | course)


def bound(node: ast.AST) -> Iterator[str]:
    """The name that a part of a cell gives to something: a function, an argument, an import, a variable."""
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.ExceptHandler(name=str(name)):
            yield name
        case ast.arg(arg=name) | ast.alias(asname=str(name)):
            yield name
        case ast.alias(name=name):
            yield name.split(".")[0]
        case ast.Name(id=name, ctx=ast.Store()):
            yield name


def imported(node: ast.AST) -> Iterator[str]:
    """The modules that a part of a cell imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield node.module or ""
