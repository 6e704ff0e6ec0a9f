"""The ten scenes of the picture book. Each is a function of (sheet, dice) that paints from back to front.

Scenes that differ in one idea share everything else: a zebra is a horse in another coat, an orange is an apple with
another outline and skin, and winter is summer's landscape in another season.
"""

from collections.abc import Callable
from functools import partial

from course_lib.datasets.scenes.equids import equid
from course_lib.datasets.scenes.fish import goldfish
from course_lib.datasets.scenes.flight import parachute
from course_lib.datasets.scenes.fruit import one_apple, one_orange, still_life
from course_lib.datasets.scenes.golf import golf_ball
from course_lib.datasets.scenes.landscape import landscape
from course_lib.datasets.scenes.village import church

SCENES: dict[str, Callable[..., None]] = {
    "horse": partial(equid, striped=False),
    "zebra": partial(equid, striped=True),
    "apple": partial(still_life, fruit=one_apple),
    "orange": partial(still_life, fruit=one_orange),
    "summer": partial(landscape, winter=False),
    "winter": partial(landscape, winter=True),
    "goldfish": goldfish,
    "parachute": parachute,
    "church": church,
    "golf ball": golf_ball,
}
