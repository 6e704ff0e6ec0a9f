"""What every lecture notebook keeps to, and proof that each rule catches a notebook that breaks it.

nbval passes a checked cell silently where no output is stored, so a rule here asks for stored outputs.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.conftest import ROOT
from tests.tools.freeze import frozen, is_checked, is_text

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MOST_CODE_CELLS, MOST_WORDS, FEWEST_CHECKED, MOST_BYTES = 25, 2000, 4, 120_000
LINK = re.compile(r"(!?)\[([^\]]*)\]\(<?([^)\s>]+)[^)]*\)")
HTML_PICTURE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
HEADING = re.compile(r"^(#{1,6})\s+\S", re.MULTILINE)
DEMOS, DRIVING = {"Player", "Evolve", "Watch", "Gradients"}, {"run", "wait", "replay", "reset"}
STATEMENTS = (ast.Assign, ast.AugAssign, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.For)


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS, "notebooks/ holds no notebook"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_keeps_the_rules(path: Path) -> None:
    assert path.stat().st_size < MOST_BYTES
    assert list(problems(nbformat.read(path, as_version=4), path.parent)) == []


def problems(notebook: NotebookNode, folder: Path) -> Iterator[str]:
    """Each way in which a notebook in ``folder`` breaks the rules, as a sentence."""
    text = "\n\n".join(without_code(cell.source) for cell in notebook.cells if cell.cell_type == "markdown")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    yield from heading_problems([len(level) for level in HEADING.findall(text)])
    yield from link_problems(text, folder)
    yield from output_problems(code)
    yield from code_problems(notebook.cells)
    yield from demo_problems([*ast.walk(ast.parse("\n".join(cell.source for cell in code)))])
    if len(code) > MOST_CODE_CELLS:
        yield f"{len(code)} code cells, more than {MOST_CODE_CELLS}"
    if (words := len(text.split())) > MOST_WORDS:
        yield f"{words} words, more than {MOST_WORDS}"
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "the kernel is not python3"
    if not all(cell.get("id") for cell in notebook.cells):
        yield "a cell has no id"


def without_code(markdown: str) -> str:
    """Markdown without fenced blocks and code spans, whose # and [ ] mean something else."""
    return re.sub(r"`[^`\n]*`", "code", re.sub(r"^```.*?^```", "", markdown, flags=re.MULTILINE | re.DOTALL))


def heading_problems(levels: list[int]) -> Iterator[str]:
    if levels.count(1) != 1:
        yield f"{levels.count(1)} headings of level 1, not one"
    if any(now > before + 1 for before, now in zip([0, *levels], levels, strict=False)):
        yield f"a heading skips a level: {levels}"


def link_problems(text: str, folder: Path) -> Iterator[str]:
    for is_picture, label, target in LINK.findall(text):
        if is_picture and not label.strip():
            yield f"the picture {target} has no alt text"
        file = target.partition("#")[0]
        if file and not re.match(r"https?:|mailto:", file) and not (folder / file).exists():
            yield f"the link {target} leads nowhere"
    for tag in HTML_PICTURE.findall(text):
        if not re.search(r"""\balt=["'][^"']""", tag):
            yield f"the picture {tag} has no alt text"


def output_problems(code: list[NotebookNode]) -> Iterator[str]:
    checked = [cell for cell in code if is_checked(cell)]
    if len(checked) < FEWEST_CHECKED:
        yield f"{len(checked)} checked cells, fewer than {FEWEST_CHECKED}"
    for cell in checked:
        if not cell.outputs or cell.execution_count is None:
            yield f"a checked cell has no stored output or no execution count: {cell.source[:60]!r}"
    for cell in code:
        if any(not is_checked(cell) or not is_text(o) or set(o.get("data", {})) - {"text/plain"} for o in cell.outputs):
            yield f"a cell stores an output that is not a checked text: {cell.source[:60]!r}"


def code_problems(cells: list[NotebookNode]) -> Iterator[str]:
    copies = {plain(cell.source) for cell in cells if cell.cell_type == "code"}
    for cell in cells:
        if cell.cell_type == "markdown" and (plain(cell.source) in copies or is_python(cell.source)):
            yield f"a text cell is code: {cell.source[:60]!r}"


def demo_problems(nodes: list[ast.AST]) -> Iterator[str]:
    """A cell that drives a demo wipes out what a person has found there; a check takes `demo.compute(...)`."""
    made = {id(node): node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    makers = DEMOS | {one.name for one in functions if DEMOS & {made.get(id(node)) for node in ast.walk(one)}}
    assigned = [node for node in nodes if isinstance(node, ast.Assign) and made.get(id(node.value)) in makers]
    demos = {ast.unparse(target) for node in assigned for target in node.targets}
    for node in nodes:
        if isinstance(node, ast.Attribute) and node.attr in DRIVING and ast.unparse(node.value) in demos:
            yield f"a cell drives a demo: {ast.unparse(node)}"


def plain(text: str) -> str:
    """Without spaces, which say nothing in code."""
    return re.sub(r"\s+", "", text)


def is_python(text: str) -> bool:
    """Whether a text is Python that does something; "Note: [here](there)" happens to parse as well."""
    try:
        nodes = [*ast.walk(ast.parse(text))]
    except SyntaxError:
        return False
    calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)]
    return bool(calls) or any(isinstance(node, STATEMENTS) for node in nodes)


def good_notebook() -> NotebookNode:
    cells = [
        new_markdown_cell("# Title\n\n[a file](file.txt), [a page](https://example.org), ![a cat](file.txt)\n\n## Part")
    ]
    for count in range(1, FEWEST_CHECKED + 1):
        printed = [new_output("stream", text="True\n")]
        tags = {"tags": ["nbval-check-output"]}
        cells.append(new_code_cell("print(True)", outputs=printed, execution_count=count, metadata=tags))
    cells += [new_markdown_cell(text) for text in ("```\n# no heading\n```", "Note: [file](file.txt)", "Figure")]
    cells.append(new_code_cell("figure"))
    cells.append(new_code_cell("player = Player(make)\nplayer.compute(epsilon=3)\nprocess = start()\nprocess.wait()"))
    return new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})


def test_a_good_notebook_passes(tmp_path: Path) -> None:
    (tmp_path / "file.txt").touch()
    assert list(problems(good_notebook(), tmp_path)) == []


def append(source: str) -> Callable[[NotebookNode], None]:
    return lambda notebook: notebook.cells.append(new_markdown_cell(source))


MADE_BY_A_FUNCTION = """
def held():
    return Evolve(make)


mine = held()
runs = mine.wait(60)
"""
BAD = {
    "headings of level 1": append("# Another"),
    "skips a level": append("#### Deep"),
    "no alt text": append("![](file.txt)"),
    "<img src='file.txt'> has no alt text": append("<img src='file.txt'>"),
    "leads nowhere": append("[gone](gone.ipynb)"),
    "text cell is code: 'x = 1": append("x = 1"),
    "text cell is code: 'def": append("def f():\n    return 1"),
    "text cell is code: 'for": append("for name in names:\n    pass"),
    "text cell is code: 'import": append("import torch"),
    "text cell is code: 'print": append("print(1)"),
    "text cell is code: 'figure'": append("figure"),
    "drives a demo: player.run": lambda notebook: notebook.cells.append(new_code_cell("player.run(epsilon=3)")),
    "drives a demo: mine.wait": lambda notebook: notebook.cells.append(new_code_cell(MADE_BY_A_FUNCTION)),
    "words": append("word, " * MOST_WORDS),
    "code cells": lambda notebook: notebook.cells.extend(new_code_cell("1") for _ in range(MOST_CODE_CELLS)),
    "kernel": lambda notebook: notebook.metadata.kernelspec.update(name="conda-env"),
    "no id": lambda notebook: notebook.cells[0].pop("id"),
    "checked cells": lambda notebook: notebook.cells[1].metadata.clear(),
    "no stored output": lambda notebook: notebook.cells[1].update(outputs=[]),
    "no execution count": lambda notebook: notebook.cells[1].update(execution_count=None),
    "not a checked text": lambda notebook: notebook.cells[-1].outputs.append(
        new_output("display_data", {"image/png": ""})
    ),
    "output that is not": lambda notebook: notebook.cells[1].outputs.append(
        new_output("display_data", {"text/plain": "<Figure>", "image/png": ""})
    ),
}


@pytest.mark.parametrize("sentence", BAD)
def test_each_rule_catches_a_bad_notebook(sentence: str, tmp_path: Path) -> None:
    (tmp_path / "file.txt").touch()
    notebook = good_notebook()
    BAD[sentence](notebook)
    assert sentence in " ".join(problems(notebook, tmp_path))


def test_freezing_keeps_only_checked_text(tmp_path: Path) -> None:
    (tmp_path / "file.txt").touch()
    notebook = good_notebook()
    notebook.metadata["widgets"] = {"state": "large"}
    notebook.cells[1].outputs.append(new_output("display_data", {"image/png": "", "text/plain": "<Figure>"}))
    notebook.cells[1].outputs.append(new_output("stream", name="stderr", text="0%"))
    notebook.cells[1].metadata["execution"] = {"iopub.execute_input": "now"}
    notebook.cells[-1].update(outputs=[new_output("stream", text="12 ms")], execution_count=9)
    assert list(problems(frozen(notebook), tmp_path)) == []
    assert [output.get("text") or output.data for output in notebook.cells[1].outputs] == [
        "True\n",
        {"text/plain": "<Figure>"},
    ]
    assert notebook.cells[-1].execution_count is None
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
