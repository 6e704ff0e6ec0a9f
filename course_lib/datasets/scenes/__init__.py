"""The ten scenes of the picture book. Each is a function of (sheet, dice) that paints from back to front.

Scenes that differ in one idea share everything else: a zebra is a horse in another coat, an orange is an apple with
another outline and skin, and winter is summer's landscape in another season.
"""

from course_lib.datasets.scenes.equids import horse, zebra
from course_lib.datasets.scenes.fish import goldfish
from course_lib.datasets.scenes.flight import parachute
from course_lib.datasets.scenes.fruit import apple, orange
from course_lib.datasets.scenes.golf import golf_ball
from course_lib.datasets.scenes.landscape import summer, winter
from course_lib.datasets.scenes.village import church

SCENES = (horse, zebra, apple, orange, summer, winter, goldfish, parachute, church, golf_ball)
