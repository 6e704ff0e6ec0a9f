"""A prediction without a browser: what is taken, what is refused, and when the answer leaves Python."""

from typing import Any

import pytest
import traitlets

from course_lib.one_line import LONGEST
from course_lib.widgets import predict
from course_lib.widgets.still import bundle

QUESTION, OPTIONS = "Will both draw a church?", ("both", "only the robust one", "neither")


def sent(prediction: Any) -> str:
    """All that a browser, or a notebook that keeps its widgets, gets."""
    return str({name: value for name, value in prediction.get_state().items() if name not in ("_esm", "_css")})


def test_a_choice_and_the_answer_stand_side_by_side() -> None:
    prediction = predict(QUESTION, OPTIONS)
    assert prediction.choice is None
    prediction.choice = 0
    assert prediction.reveal("only the robust one") is prediction
    assert (prediction.choice, prediction.answer) == (0, 1)
    assert repr(prediction) == "Prediction(choice: 'both', answer: 'only the robust one')"
    assert prediction.reveal(2).answer == 2
    assert len(repr(predict(QUESTION, ["a" * 300, "b"]).reveal(0))) <= LONGEST


def test_a_question_holds_no_answer_until_it_is_revealed() -> None:
    prediction = predict(QUESTION, OPTIONS)
    assert "'answer': None" in sent(prediction)
    assert repr(prediction) == "Prediction(choice: not yet, answer: not yet)"
    assert "'answer': 2" in sent(prediction.reveal("neither"))


def test_a_page_that_is_only_read_asks_and_tells_the_answer_where_it_is_revealed() -> None:
    prediction = predict(QUESTION, OPTIONS)
    asked = bundle(prediction)["text/html"]
    assert all(words in asked for words in (QUESTION, *OPTIONS))
    assert "the answer" not in asked
    assert "<li>neither ← the answer</li>" in bundle(prediction.reveal("neither"))["text/html"]


@pytest.mark.parametrize("answer", ["perhaps", 3, -1, None])
def test_an_answer_that_is_no_option_is_refused(answer: Any) -> None:
    with pytest.raises(ValueError, match=f"expected an answer among both, .*, neither, got {answer!r}"):
        predict(QUESTION, OPTIONS).reveal(answer)


def test_what_a_browser_may_not_send_is_refused() -> None:
    prediction = predict(QUESTION, OPTIONS)
    with pytest.raises(traitlets.TraitError, match="expected one of 3 options, counted from 0, got 3"):
        prediction.choice = 3
    with pytest.raises(traitlets.TraitError, match="0"):
        prediction.hands = [1, -1, 0]


@pytest.mark.parametrize("options", [(), ("yes",), ("yes", "yes")])
def test_a_question_has_two_different_options_or_more(options: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=f"expected two different options or more, got {', '.join(options) or 'none'}"):
        predict(QUESTION, options)


def test_a_browser_keeps_choices_by_notebook_and_not_by_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/ada/course/00_start_here.ipynb")
    assert predict(QUESTION, OPTIONS).notebook == "00_start_here.ipynb"
    monkeypatch.delenv("JPY_SESSION_NAME")
    assert predict(QUESTION, OPTIONS).notebook == ""
