"""Work in layers: what is kept of one run is where the next one starts, and undo goes back one."""

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets
import torch
import traitlets
from torch import Tensor

from course_lib.widgets.player import Player

Pictures = Mapping[str, Tensor]
"""By the names of a player's problems: images (B, 3, H, W)."""


class History(widgets.HBox):
    """The buttons Keep and Take back, a control of a `Player` whose `make(history, ...)` starts from `history[value]`.

    Every state that ever was has a number of its own, and `value` is that of the state worked on now. So a player that
    remembers runs by the values of its controls never takes one state for another, and its Reset leads back to the
    first. `follow(player)` says whose results Keep keeps; `begin` starts over from other pictures.
    """

    value = traitlets.Int(0)
    description = traitlets.Unicode("")

    def __init__(self, start: Pictures) -> None:
        self._states: list[tuple[Pictures, int]] = [(dict(start), 0)]  # each with the one that undo leads to
        look: Any = {"layout": {"width": "auto", "padding": "0 8px", "margin": "0"}}  # both in a narrow column
        self.keep_button = widgets.Button(description="Keep", tooltip="Go on from this result", **look)
        self.undo_button = widgets.Button(description="Take back", tooltip="Back to before the last Keep", **look)
        super().__init__([self.keep_button, self.undo_button], layout=widgets.Layout(grid_gap="8px"))
        self.undo_button.on_click(lambda _: self.undo())

    def __repr__(self) -> str:
        return f"History(value={self.value})"

    def __getitem__(self, number: int) -> Pictures:
        return self._states[number][0]

    @property
    def now(self) -> Pictures:
        """The pictures that the next run starts from."""
        return self[self.value]

    def keep(self, images: Pictures) -> None:
        """The next run starts from these; undo leads back to `now`. ValueError where a name or a shape differs."""
        shapes = {name: tuple(picture.shape) for name, picture in self.now.items()}
        if (came := {name: tuple(picture.shape) for name, picture in images.items()}) != shapes:
            raise ValueError(f"expected pictures {shapes}, got {came}")
        self._add(images, before=self.value)

    def undo(self) -> None:
        """Back to the state before, if there is one."""
        self.value = self._states[self.value][1]

    def begin(self, images: Pictures) -> None:
        """Start over from other pictures. Undo does not lead past them."""
        self._add(images, before=len(self._states))

    def follow(self, player: Player) -> None:
        """Let the button Keep keep what this player has finished, if it began at `now` and changed anything."""

        def keep(_: Any) -> None:
            results = player.results or {}
            fresh = results and all(torch.equal(run.problem.start, self.now[name]) for name, run in results.items())
            images = {name: run.images for name, run in results.items()}
            if fresh and any(not torch.equal(picture, self.now[name]) for name, picture in images.items()):
                self.keep(images)

        self.keep_button.on_click(keep)

    def _add(self, images: Pictures, *, before: int) -> None:
        self._states.append((dict(images), before))
        self.value = len(self._states) - 1
