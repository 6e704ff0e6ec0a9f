"""A blind test: shuffled pictures to name, by one person or by a show of hands, and a count for each source."""

from collections.abc import Mapping, Sequence

import ipywidgets as widgets
import torch
from torch import Tensor

from course_lib.doors import check_labels, check_pixels
from course_lib.measuring.intervals import wilson
from course_lib.pixels import to_uint8
from course_lib.widgets.predict import predict
from course_lib.widgets.screen import STYLE
from course_lib.widgets.sheets import encode

NOTHING = "none of these"
SIDE = 384  # pixels of the screen


class BlindTest(widgets.VBox):
    """Pictures of several sources in one random order, each with the question what it shows.

    `sources` are pictures (N, 3, H, W) in [0, 1] by name, all for the classes `labels` (N,) of `names`. Nothing on the
    screen, and nothing that a browser gets, says where a picture is from until `count` is pressed. Without a browser:
    `test.questions[3].choice = 2; test.shares()`.
    """

    def __init__(self, sources: Mapping[str, Tensor], labels: Tensor, names: Sequence[str], *, seed: int = 0) -> None:
        for source, pictures in sources.items():
            check_pixels(pictures, what=source)
            check_labels(labels, classes=len(names), count=len(pictures))
        dealt = [(*pair, s) for s, pictures in sources.items() for pair in zip(pictures, labels.tolist(), strict=True)]
        order = torch.randperm(len(dealt), generator=torch.Generator().manual_seed(seed)).tolist()
        self.dealt, options = [dealt[place] for place in order], [*names, NOTHING]
        words = "Picture {} of {} (order {}): what does it show?"
        self.questions = [predict(words.format(n + 1, len(order), seed), options) for n in range(len(order))]
        self._picture, self._counted = widgets.Image(width=SIDE, height=SIDE, layout={"flex": "none"}), widgets.HTML()
        buttons = [widgets.Button(description=words) for words in ("Back", "Next", "Count")]
        for button, act in zip(buttons, (lambda _: self.show(-1), lambda _: self.show(1), self._count), strict=True):
            button.on_click(act)
        self._place, self._stage = 0, widgets.HBox(layout={"align_items": "flex-start", "grid_gap": "16px"})
        style = widgets.HTML(f"<style>{STYLE}</style>", layout=widgets.Layout(display="none"))
        super().__init__([style, self._stage, widgets.HBox(buttons), self._counted])
        self.add_class("course-shelf").add_class("course-blind")
        self.show(0)

    def show(self, by: int) -> None:
        """Turn to the picture that lies so many places further."""
        self._place = min(max(self._place + by, 0), len(self.dealt) - 1)
        self._picture.value = encode(to_uint8(self.dealt[self._place][0][None])[0], "png")
        self._stage.children = [self._picture, self.questions[self._place]]

    def answers(self) -> dict[str, list[bool]]:
        """By source, for each answer so far whether it is right: of every hand raised, else the choice made."""
        found: dict[str, list[bool]] = {source: [] for _, _, source in self.dealt}
        for (_, label, source), asked in zip(self.dealt, self.questions, strict=True):
            hands = [place for place, count in enumerate(asked.hands) for _ in range(count)]
            places = hands or ([] if asked.choice is None else [asked.choice])
            found[source] += [place == label for place in places]
        return found

    def shares(self) -> dict[str, list[float]]:
        """By source, the share of right answers with its Wilson 95% interval; without an answer, nothing."""
        return {source: wilson(torch.tensor(right)) for source, right in self.answers().items() if right}

    def _count(self, _: object) -> None:
        answers, shares = self.answers(), self.shares()
        rows = [
            f"<tr><th>{source}</th><td>{sum(answers[source])} of {len(answers[source])}</td>"
            f"<td>{share:.0%} [{low:.0%}, {high:.0%}]</td></tr>"
            for source, (share, low, high) in shares.items()
        ]
        titles = "<tr><th>source</th><th>named correctly</th><th>share, 95% interval</th></tr>"
        self._counted.value = f"<table>{titles}{''.join(rows)}</table>" if rows else "No answer has been given yet."
