"""Short sentences, one term for one thing, and no claim about people whom nobody asked: for readers whose English is a
second language.
"""

import re
import statistics
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.tools.prose import LECTURES, prose, sentences, texts, words

LONGEST, MEDIAN = 35, 16  # words of a sentence
RELEASED = sorted((ROOT / "notebooks" / "exercises" / "release").glob("*/*.ipynb"))
WRITTEN = ["README.md", "CONTRIBUTING.md", "data/README.md", "notebooks/GUIDE.md"]
PAGES = [*LECTURES, *RELEASED, *(ROOT / name for name in WRITTEN if (ROOT / name).exists())]

INSTEAD = {  # what a page may not say, as a pattern, and what it says instead
    r"\btwins?\b": "counterpart",
    r"\bplaids?\b": "planted non-robust feature, or planted pattern",
    r"\bsurer?\b": "confident",
    r"\bprepared (?:model|network|copy)": "frozen and fused",
    r"\banswers? rightly|answered rightly\b": "classifies correctly",
    r"\bmends?\b|\bmended\b": "fix",
    r"\bseed number\b": "random seed",
    r"has convinced itself, and": "has convinced itself, but",
    r"\bstands what\b": "The judge's answer is below each picture",
    r"what otherwise takes": "what usually needs a separate model for each task",
    r"classifiers are at hand": "We compare ...",
    r"little pushes": "a network has little reason to ...",
    r"\bbelieves in\b": "seems to have",
    r"ball is exhausted": "the L2 budget is used up",
    r"gives? them away": "reveals which ones",
    r"costs? it the answer": "make it misclassify",
    r"\bgo worst\b": "work worst",
    r"\bnets the\b|\bless than nothing\b": "covers it with a net of lines; a loss",
    r"likes best when": "the picture that maximises it",
    r"in the place of the line": "Replace `raise NotImplementedError`",
    r"\bHow you stand\b|\bTwo wishes\b": "Your progress; Two goals in one loss",
    r"\bdrawn by lot\b": "chosen at random",
    r"\bpeople (?:agree|see|do not see|notice|prefer)\b|\bhardly anyone\b|\bmost people\b": "what judges show",
    r"\bthe eye (?:hardly|sees|prefers)\b|\bby eye\b|\bnobody (?:sees|would)\b": "look for yourself",
}


def problems(page: list[str]) -> list[str]:
    """What is wrong with the texts of a page, each as a sentence."""
    said = [sentence for text in page for sentence in sentences(text)]
    long = [f"{words(one)} words, more than {LONGEST}: {one}" for one in said if words(one) > LONGEST]
    median = statistics.median(map(words, said)) if said else 0
    found = [
        f"“{match[0]}” ({better}): {text[max(0, match.start() - 40) : match.end() + 40]!r}"
        for text in map(prose, page)
        for pattern, better in INSTEAD.items()
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]
    return long + found + [f"a median of {median} words, more than {MEDIAN}"] * (median > MEDIAN)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_is_easy_to_read(path: Path) -> None:
    assert problems(texts(path)) == []


LONG = "word " * 36
KNOWN = {
    "A sentence. Another one, e.g. this (see fig. 2). `code. Code` and $x. Y$!": [2, 7, 3],
    f"# A heading of {LONG}\n\n| a table | {LONG} |\n\n```\n{LONG}.\n```\n\nText.": [1],
    "- one item\n- another\n  that goes on\n\n1. first\n2. second": [2, 4, 1, 1],
    "<details><summary>Why?</summary>\n\nBecause of **1.2 dB**. *So* [it is](page.html).\n</details>": [1, 4, 3],
    f"![{LONG}](picture.webp)\n\nIt ends in 2019. 10 more follow.": [4, 3],
}


@pytest.mark.parametrize("text", KNOWN)
def test_sentences_are_told_apart(text: str) -> None:
    assert [words(sentence) for sentence in sentences(text)] == KNOWN[text]


@pytest.mark.parametrize(
    ("text", "caught"),
    [
        (f"{LONG}.", "36 words"),
        (f"{'word ' * 17}.", "a median of 17"),
        ("The twin network.", "counterpart"),
        ("In *both*, people agree.", "what judges show"),
        ("By eye they show nothing.", "look for yourself"),
        ("Sentences may end; it has convinced itself, and neither you nor the judge.", "convinced itself, but"),
    ],
)
def test_a_page_that_is_hard_to_read_is_caught(text: str, caught: str) -> None:
    assert any(caught in problem for problem in problems([text]))
    assert problems(["A sentence.", "It has `the twin` in code."]) == []
