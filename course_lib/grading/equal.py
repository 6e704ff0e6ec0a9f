"""Equal hand-ins: all answers of a problem set are the same but for names, comments and layout. They are not judged."""

import ast
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache

from course_lib.grading.cells import stub
from course_lib.grading.submissions import Submission

LONGEST = 20_000  # characters of a cell that are read as Python
BINDS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def equal(found: Sequence[Submission]) -> Iterator[tuple[str, list[str]]]:
    """(problem set, students) where several handed in the same; what is still the template does not count."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in found:
        sets: dict[str, list[tuple[str, list[str]]]] = defaultdict(list)
        for exercise, cells in sorted(one.sources.items()):
            if not all(map(stub, cells)):
                sets[exercise.partition(".")[0]].append((exercise, [nameless(cell) for cell in cells]))
        for name, answers in sets.items():
            groups[name, repr(answers)].append(one.student)
    return ((name, students) for (name, _), students in sorted(groups.items()) if len(students) > 1)


@cache
def nameless(source: str) -> str:
    """A cell without comments, layout and docstrings, and with numbers for the names that it binds itself."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(source[:LONGEST])
        nodes = list(ast.walk(tree))
        names = [name for node in nodes if (name := bound(node))]
        number = {name: str(place) for place, name in enumerate(dict.fromkeys(names))}
        for node in nodes:
            for field in () if isinstance(node, ast.keyword) else ("id", "arg", "name"):
                if (old := getattr(node, field, None)) in number:
                    setattr(node, field, number[old])
            if isinstance(node, (*BINDS, ast.Module)):
                node.body = [part for part in node.body if not says_only(part)]
        return ast.dump(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return " ".join(source.split())


def bound(node: ast.AST) -> str:
    """The name that a node binds; "" for none."""
    if isinstance(node, BINDS):
        return node.name
    if isinstance(node, ast.arg):
        return node.arg
    return node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else ""


def says_only(node: ast.AST) -> bool:
    """Whether a statement is a text, such as a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
