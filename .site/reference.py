"""A module as a page: what it offers, with its docstrings as Markdown, then its source, whose lines have names.

Signatures are those of the source, read and not imported, so they stand as an author wrote them.
"""

import ast
from collections.abc import Iterator, Sequence

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.application import Sphinx

FENCE = "`" * 6
KINDS = {ast.FunctionDef: "function", ast.ClassDef: "class"}


class PythonFile(MystParser):
    supported = ("python",)  # and what Markdown needs

    def parse(self, inputstring: str, document: nodes.document) -> None:
        name, module = document.settings.env.docname.replace("/", "."), ast.parse(inputstring)
        head = f"# {name}\n\n{ast.get_docstring(module)}\n\n{FENCE}{{py:currentmodule}} {name}\n{FENCE}\n\n"
        source = f"## Source\n\n{FENCE}python\n{inputstring}{FENCE}\n"
        super().parse(head + "".join(entries(module.body)) + source, document)
        *_, block = document.findall(nodes.literal_block)
        block["highlight_args"] = {"linespans": "L"}


def entries(body: Sequence[ast.stmt], owner: str = "") -> Iterator[str]:
    """Each public function, class and method that has a docstring, as a directive in Markdown."""
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not (said := ast.get_docstring(node)):
            continue
        lead = f'{said} <a href="#L-{node.lineno}" title="line {node.lineno}">source</a>'
        yield f"{FENCE}{{py:{kind(node, owner)}}} {owner}{signature(node, owner)}\n{lead}\n{FENCE}\n\n"
        if isinstance(node, ast.ClassDef):
            yield from entries(node.body, f"{owner}{node.name}.")


def kind(node: ast.FunctionDef | ast.ClassDef, owner: str) -> str:
    if not owner or isinstance(node, ast.ClassDef):
        return KINDS[type(node)]
    return "property" if "property" in decorators(node) else "method"


def decorators(node: ast.FunctionDef | ast.ClassDef) -> set[str]:
    return {ast.unparse(decorator).partition("(")[0] for decorator in node.decorator_list}


def signature(node: ast.FunctionDef | ast.ClassDef, owner: str) -> str:
    """The name, with its arguments; those of a class are its fields, or what its __init__ takes."""
    if isinstance(node, ast.FunctionDef):
        if "property" in decorators(node):
            return node.name
        back = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        return f"{node.name}({arguments(node, method=bool(owner))}){back}"
    made = [part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"]
    if made:
        return f"{node.name}({arguments(made[0], method=True)})"
    fields = [part for part in node.body if isinstance(part, ast.AnnAssign)] if "dataclass" in decorators(node) else []
    return f"{node.name}({', '.join(ast.unparse(field) for field in fields)})" if fields else node.name


def arguments(node: ast.FunctionDef, *, method: bool) -> str:
    if method and "staticmethod" not in decorators(node):
        node.args.args = node.args.args[1:]  # without self
    return ast.unparse(node.args)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_source_suffix(".py", "python")
    app.add_source_parser(PythonFile)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
