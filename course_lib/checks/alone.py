"""Whether the cell of a student's function stands on its own, as it has to where it is graded.

The grader runs each cell alone, in a process that has torch and F (torch.nn.functional) and nothing of the course. A
notebook has more: imports at its top, functions of other cells. So what works there may fail when it is graded.
"""

import ast
import builtins
import linecache
from collections.abc import Iterator
from symtable import SymbolTable, symtable
from types import CodeType
from typing import Any

GIVEN = {"torch", "F", "__name__", *dir(builtins)}
CELLS = ("ipykernel_", "<ipython-input-")  # in the names that notebooks give to the code of their cells


def borrowed(function: Any) -> list[str]:
    """Names that the cell of a function takes from elsewhere; none where it was not written in a notebook."""
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType) or not any(words in code.co_filename for words in CELLS):
        return []
    source = "".join(linecache.getlines(code.co_filename))
    cell = symtable(source, code.co_filename, "exec")
    own = {one.get_name() for one in cell.get_symbols() if one.is_assigned() or one.is_imported()}
    course = {name for node in ast.walk(ast.parse(source)) for name in imported(node) if name.startswith("course_lib")}
    return sorted(set(used(cell)) - own - GIVEN | course)


def used(scope: SymbolTable) -> Iterator[str]:
    """The names that a scope, and those inside it, take from the cell or from what is around it."""
    yield from (
        one.get_name()
        for one in scope.get_symbols()
        if one.is_referenced() and (one.is_global() or scope.get_type() == "module")
    )
    for inner in scope.get_children():
        yield from used(inner)


def imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield node.module or ""
