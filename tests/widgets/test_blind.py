"""The blind test: what is dealt, what a browser can know, and what is counted."""

import pytest
import torch

from course_lib.measuring.intervals import wilson
from course_lib.widgets.blind import NOTHING, BlindTest

NAMES, LABELS = ["apple", "horse", "zebra"], torch.tensor([0, 1, 2, 1, 0])
LEVELS = {"robust": 0.2, "standard": 0.4, "random direction": 0.6, "test pictures": 0.8}
SOURCES = {name: torch.full((5, 3, 8, 8), level) for name, level in LEVELS.items()}


def test_every_picture_is_dealt_once_in_an_order_of_its_random_seed() -> None:
    test, other = BlindTest(SOURCES, LABELS, NAMES), BlindTest(SOURCES, LABELS, NAMES, seed=1)
    dealt = [(source, label) for _, label, source in test.dealt]
    assert sorted(dealt) == sorted((source, label) for source in SOURCES for label in LABELS.tolist())
    assert all((picture == LEVELS[source]).all() for picture, _, source in test.dealt)
    assert dealt == [(source, label) for _, label, source in BlindTest(SOURCES, LABELS, NAMES).dealt]
    assert dealt != [(source, label) for _, label, source in other.dealt]
    assert test.questions[0].question != other.questions[0].question  # a browser keeps choices by the question


def test_nothing_that_a_browser_gets_names_a_source_before_the_count() -> None:
    test = BlindTest(SOURCES, LABELS, NAMES)
    for _ in test.dealt:
        sent = [str(part.get_state()) for part in (test, test._stage, test._picture, test._counted, *test.questions)]
        assert not any(source in text for source in SOURCES for text in sent)
        assert test._stage.children[1].answer is None
        test.show(1)


def test_choices_and_hands_are_counted_with_wilsons_interval() -> None:
    test = BlindTest(SOURCES, LABELS, NAMES)
    assert test.shares() == {}
    for (_, label, source), asked in zip(test.dealt, test.questions, strict=True):
        asked.choice = {"robust": label, "standard": len(NAMES)}.get(source)
        if source == "random direction":
            asked.hands = [3, 2, 1]
    assert test.questions[0].options[-1] == NOTHING
    hands = [place == label for label in LABELS.tolist() for place in (0, 0, 0, 1, 1, 2)]
    assert test.shares() == {
        "robust": wilson(torch.ones(5, dtype=torch.bool)),
        "standard": wilson(torch.zeros(5, dtype=torch.bool)),
        "random direction": wilson(torch.tensor(sorted(hands, reverse=True))),
    }
    test._count(None)
    assert "5 of 5" in test._counted.value
    assert f"{sum(hands)} of 30" in test._counted.value


def test_turning_ends_at_both_ends() -> None:
    test = BlindTest(SOURCES, LABELS, NAMES)
    for by, place in ((-1, 0), (7, 7), (99, 19), (-3, 16)):
        test.show(by)
        assert test._stage.children[1] is test.questions[place]


def test_pictures_and_classes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match="label"):
        BlindTest(SOURCES, LABELS[:2], NAMES)
    with pytest.raises(ValueError, match="robust"):
        BlindTest({"robust": torch.full((5, 8, 8), 0.5)}, LABELS, NAMES)
