"""The sentences of a text in Markdown, without code, formulas, tables, headings, links and pictures."""

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat

from tests.conftest import ROOT

LECTURES = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
HIDDEN = (  # what is no sentence, and what stands in its place
    (re.compile(r"^ {0,3}(```|~~~).*?^ {0,3}\1", re.MULTILINE | re.DOTALL), "\n\n"),
    (re.compile(r"<!--.*?-->", re.DOTALL), ""),
    (re.compile(r"\$\$.*?\$\$", re.DOTALL), " X "),
    (re.compile(r"`[^`]*`"), "X"),
    (re.compile(r"\$[^$\n]+(?:\n[^$\n]+)?\$"), "X"),
    (re.compile(r"!\[[^\]]*\]\([^)]*\)"), ""),
    (re.compile(r"\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"</?(summary|details|p|div|li|ul|br)\b[^>]*>"), "\n\n"),
    (re.compile(r"<[a-z/][^>]*>"), ""),
)
BLOCK = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*>|#]\s|\||\d+\.\s))")
MARK = re.compile(r"^(?:[-*>]\s|\d+\.\s)+")
END = re.compile(r"(?<=[.!?])[\"”’*_)]*\s+(?=[\"“(*_]*[A-ZÀ-Ý0-9])")
WORD = re.compile(r"[^\W\d_][\w'’-]*|\d[\d.,]*")
SHORT = re.compile(r"\b(?:e\.g|i\.e|et al|vs|eq|fig|cf|no|fn)\.(?=\s)", re.IGNORECASE)


def prose(text: str) -> str:
    for pattern, instead in HIDDEN:
        text = pattern.sub(instead, text)
    return text


def sentences(text: str) -> Iterator[str]:
    """Each sentence in one line. A list's items are sentences of their own; a heading and a row of a table are none."""
    for block in BLOCK.split(prose(text)):
        if not block.lstrip().startswith(("|", "#")):
            line = SHORT.sub(lambda found: found[0].replace(".", ""), " ".join(block.split()))
            yield from (part for part in END.split(MARK.sub("", line)) if words(part))


def words(sentence: str) -> int:
    return len(WORD.findall(sentence))


def texts(path: Path) -> list[str]:
    """A page's text, or those of a notebook's text cells."""
    if path.suffix != ".ipynb":
        return [path.read_text()]
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
