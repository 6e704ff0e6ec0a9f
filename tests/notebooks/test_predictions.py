"""Predict first, and check yourself at the end: lecture notebooks as a student reads them, from the top.

Before the run the answer of a prediction stands nowhere: not in a text, not in the code that is open to be read (alt
texts are part of it), not in a stored output. A collapsed cell (`source_hidden`) counts as not read.
"""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.tools.prose import LECTURES, sentences

FEWEST, EACH, CONCEPTS = 30, 2, 5  # predictions in the course, in a notebook; concept questions in a notebook
EMPTY = re.compile(
    r"\b(?:a|all|an|and|any|as|at|be|by|for|from|in|is|its?|models?|networks?|of|on|one|or|s|the|them|they|to|with|will)\b"
)
OUTCOME = re.compile(
    r"\b(?:more|less|fewer|higher|lower|larger|smaller|better|worse|best|worst|most|mostly|least|only|never|"
    r"stays?|falls?|rises?|grows?|ends?|becomes?|turns?|remains?|reaches|while|whereas|than|nothing|hardly|nearly|"
    r"earlier|later|faster|slower|first|last)\b",
    re.IGNORECASE,
)
CONCEPT = re.compile(r"<details>\s*<summary>(.+?)</summary>(.+?)</details>", re.DOTALL)
WRONG = "**Common mistake:**"


class Asked(NamedTuple):
    """A prediction: its variable, its options, and the places of its cell and of the cell that reveals."""

    name: str
    options: list[str]
    place: int
    revealed: int | None
    answer: ast.expr | None


def calls(cell: NotebookNode) -> Iterator[ast.AST]:
    yield from ast.walk(ast.parse(cell.source)) if cell.cell_type == "code" else ()


def predictions(notebook: NotebookNode) -> Iterator[Asked]:
    reveals: dict[str, tuple[int, ast.expr]] = {}
    for place, cell in enumerate(notebook.cells):
        for node in calls(cell):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "reveal":
                reveals.setdefault(ast.unparse(node.func.value), (place, node.args[0]))
    for place, cell in enumerate(notebook.cells):
        for node in calls(cell):
            if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("predict("):
                name, options = ast.unparse(node.targets[0]), ast.literal_eval(node.value.args[1])
                yield Asked(name, options, place, *reveals.get(name, (None, None)))


def is_open(cell: NotebookNode) -> bool:
    return not cell.metadata.get("jupyter", {}).get("source_hidden", False)


def spoken(cell: NotebookNode) -> list[str]:
    """The sentences and strings of a cell that a student can read before the run."""
    if cell.cell_type == "markdown":
        return [*sentences(cell.source)]
    strings = [node.value for node in calls(cell) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return strings * is_open(cell) + stored(cell)


def stored(cell: NotebookNode) -> list[str]:
    if cell.cell_type != "code":
        return []
    texts = (output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs)
    return [line for text in texts for line in text.splitlines()]


def told_by_code(cell: NotebookNode) -> Iterator[str]:
    """What code that is open to be read has for alt texts and prints."""
    for node in calls(cell) if is_open(cell) else ():
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("plots.described", "print"):
            parts = (
                part.value for argument in node.args for part in ast.walk(argument) if isinstance(part, ast.Constant)
            )
            yield " ".join(part for part in parts if isinstance(part, str))


def content(text: str) -> set[str]:
    return set(re.findall(r"[\w%]+", EMPTY.sub(" ", text.lower())))


def problems(notebook: NotebookNode) -> Iterator[str]:
    """Each way in which a notebook tells an answer too early, as a sentence."""
    for one in predictions(notebook):
        if one.answer is None or one.revealed is None or one.revealed <= one.place:
            yield f"{one.name} is not revealed in a later cell"
            continue
        if not any(isinstance(node, ast.Name | ast.Attribute) for node in ast.walk(one.answer)):
            yield f"{one.name} is revealed by what stands in the source, not by what the run computes"
        above = [cell for place, cell in enumerate(notebook.cells[: one.revealed]) if place != one.place]
        for option in (words for words in map(content, one.options) if sum(map(str.isalpha, words)) > 1):
            for said in (said for cell in above for said in spoken(cell) if option <= content(said)):
                yield f"{one.name} is answered above: {said!r}"
        between = notebook.cells[one.place + 1 : one.revealed + 1]
        for cell in between:
            told = [sentences(cell.source)] if cell.cell_type == "markdown" else [told_by_code(cell)]
            told += [stored(cell)] if cell is not between[-1] else []
            for said in (said for texts in told for said in texts if OUTCOME.search(said)):
                yield f"{one.name} is told between question and answer: {said!r}"


def concept_problems(notebook: NotebookNode) -> Iterator[str]:
    """A cell near the end asks five questions; each unfolds to the answer and to a common wrong answer, explained."""
    cells = [cell.source for cell in notebook.cells[-3:] if "## Check yourself" in cell.source]
    found = CONCEPT.findall(cells[0]) if cells else []
    if len(found) != CONCEPTS:
        yield f"{len(found)} concept questions near the end, not {CONCEPTS}"
    for question, answer in found:
        if not question.strip().endswith("?") or WRONG not in answer or not answer.partition(WRONG)[0].strip():
            yield f"no question, answer and {WRONG}: {question}"


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_no_answer_stands_before_its_run(path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert list(problems(notebook)) == []
    assert len([*predictions(notebook)]) >= EACH


def test_the_course_asks_for_predictions() -> None:
    assert sum(len([*predictions(nbformat.read(path, as_version=4))]) for path in LECTURES) >= FEWEST


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_a_notebook_ends_with_concept_questions(path) -> None:
    assert list(concept_problems(nbformat.read(path, as_version=4))) == []


QUESTION = 'guess = predict("Which one draws?", ["the robust network alone", "the standard network alone", "both"])'
RUN = "seen = compute()\nplots.described(grid(seen), 'Two rows, one for each network')\nguess.reveal(int(seen))"
ANSWER = "Only the robust network draws: alone."


def notebook(
    *, before: str = "Look.", asked: str = QUESTION, run: str = RUN, between: tuple[NotebookNode, ...] = ()
) -> NotebookNode:
    cells = [new_markdown_cell(before), new_code_cell(asked), *between, new_code_cell(run)]
    return new_notebook(cells=[*cells, new_markdown_cell(ANSWER), new_code_cell("1", outputs=printed(ANSWER))])


def printed(text: str) -> list[NotebookNode]:
    return [new_output("stream", text=text)]


GOOD = {
    "what comes after the answer is free": notebook(),
    "an option of one word is no answer": notebook(before="Both networks get the same start."),
    "nor is one of numbers": notebook(before="There are 2 or 5.", asked=QUESTION.replace("both", "2 to 5")),
    "a collapsed cell is not read": notebook(
        between=(
            new_code_cell(
                'plots.described(figure, "The robust one only")', metadata={"jupyter": {"source_hidden": True}}
            ),
        )
    ),
}
BAD = {
    "not revealed in a later cell": notebook(run="seen = compute()"),
    "by what stands in the source": notebook(run="guess.reveal(1)"),
    "answered above: 'Here, the robust": notebook(before="Here, the robust network draws alone."),
    "answered above: 'standard alone'": notebook(
        run=f'print("standard alone")\n{RUN}', between=(new_code_cell('"standard alone"'),)
    ),
    "answered above: 'the standard network alone: True'": notebook(
        between=(new_code_cell("1", outputs=printed("the standard network alone: True")),)
    ),
    "between question and answer: 'Two rows": notebook(run=RUN.replace("one for each network", "the lower is better")),
    "between question and answer: 'Robust falls": notebook(
        between=(new_code_cell("1", outputs=printed("Robust falls: True")),)
    ),
    "between question and answer: 'more by 2 points": notebook(run=f'print("more by 2 points:", True)\n{RUN}'),
    "between question and answer: 'The nets": notebook(between=(new_markdown_cell("The nets are worse."),)),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_notebook_that_keeps_its_answers_passes(case: str) -> None:
    assert list(problems(GOOD[case])) == []


@pytest.mark.parametrize("sentence", BAD)
def test_an_answer_that_comes_too_early_is_caught(sentence: str) -> None:
    assert sentence in " ".join(problems(BAD[sentence]))


def test_concept_questions_are_counted_and_whole() -> None:
    whole = f"<details><summary>Why?</summary>\n\nBecause. {WRONG} no.\n</details>\n"
    for text, problem in {
        whole * 5: [],
        whole * 4: ["4 concept questions near the end, not 5"],
        whole * 4 + whole.replace(WRONG, ""): [f"no question, answer and {WRONG}: Why?"],
        whole * 4 + whole.replace("Because.", ""): [f"no question, answer and {WRONG}: Why?"],
    }.items():
        cells = [new_markdown_cell(f"## Check yourself\n\n{text}"), new_markdown_cell("Next.")]
        assert list(concept_problems(new_notebook(cells=cells))) == problem
