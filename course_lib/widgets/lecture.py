"""Lecture mode: a demo large and without code, presets that play at once, and full screen."""

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets

from course_lib.widgets.buttons import FullScreen
from course_lib.widgets.player import Player


def present(player: Player, presets: Mapping[str, Mapping[str, Any]] | None = None) -> widgets.VBox:
    """A player for a lecture: large, its cell's code hidden, with a button for each of the presets, by name.

    Presets are values of controls, `{"weak": {"epsilon": 2.0}}`; the others keep their first values. Each is computed
    here and now, so that its button later plays the finished run within a second. Reset goes back to the first
    settings.
    """
    presets = {"first settings": {}} if presets is None else presets
    first = player.first_values
    for name, values in presets.items():
        unknown = sorted(set(values) - set(first))
        if unknown:
            raise ValueError(f"expected controls among {', '.join(first)} in preset {name!r}, got {', '.join(unknown)}")
        player.run(**first | dict(values))
        player.wait()
    player.reset()
    buttons = [preset(player, name, first | dict(values)) for name, values in presets.items()]
    bar = widgets.Box([*buttons, FullScreen()], layout=widgets.Layout(flex_flow="row wrap"))
    return widgets.VBox([bar.add_class("presets"), player.widget]).add_class("course-lecture")


def preset(player: Player, name: str, values: Mapping[str, Any]) -> widgets.Button:
    button = widgets.Button(description=name, icon="film", tooltip=f"Play: {name}")
    button.on_click(lambda _: player.replay(**values))
    return button
