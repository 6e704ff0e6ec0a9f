"""A question before an experiment: a choice that is kept, the answer beside it after the run, and a show of hands."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from course_lib.one_line import brief


class Prediction(anywidget.AnyWidget):
    """What `predict` makes. `choice` is the place of the option chosen, `answer` of the one that came true, or None.

    `hands` are the hands counted for each option, once they are counted. Without a browser: `prediction.choice = 1`.
    """

    _esm = Path(__file__).with_name("predict.js")
    _css = Path(__file__).with_name("predict.css")

    question = traitlets.Unicode().tag(sync=True)
    options = traitlets.List(traitlets.Unicode()).tag(sync=True)
    choice = traitlets.Int(None, allow_none=True).tag(sync=True)
    answer = traitlets.Int(None, allow_none=True).tag(sync=True)
    hands = traitlets.List(traitlets.Int(min=0)).tag(sync=True)
    notebook = traitlets.Unicode().tag(sync=True)  # with the question, the name under which a browser keeps the choice

    @traitlets.validate("choice", "answer")
    def _known(self, proposal: Any) -> int | None:
        place = proposal["value"]
        if place is not None and not 0 <= place < len(self.options):
            raise traitlets.TraitError(f"expected one of {len(self.options)} options, counted from 0, got {place}")
        return place

    def reveal(self, answer: str | int) -> "Prediction":
        """Show what came true, an option or its place, beside the choice; where none is made yet, once it is made."""
        if answer not in (*self.options, *range(len(self.options))):
            raise ValueError(f"expected an answer among {', '.join(self.options)}, got {answer!r}")
        self.answer = self.options.index(answer) if isinstance(answer, str) else answer
        return self

    def __repr__(self) -> str:
        said = ["not yet" if place is None else brief(self.options[place]) for place in (self.choice, self.answer)]
        return f"Prediction(choice: {said[0]}, answer: {said[1]})"


def predict(question: str, options: Sequence[str]) -> Prediction:
    """Ask before the run. After it, `reveal(answer)` in a later cell shows what came true.

    ValueError for fewer than two options.
    """
    if len(set(options)) < max(2, len(options)):
        raise ValueError(f"expected two different options or more, got {', '.join(options) or 'none'}")
    notebook = Path(os.environ.get("JPY_SESSION_NAME", "")).name  # what a Jupyter server calls it
    return Prediction(question=question, options=list(options), notebook=notebook)
