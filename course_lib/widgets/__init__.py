"""Live demos for the notebooks. They work without a browser, too, so that a test can drive them."""

from course_lib.widgets.blind import BlindTest
from course_lib.widgets.buttons import Upload
from course_lib.widgets.canvas import Canvas
from course_lib.widgets.evolving import Evolve
from course_lib.widgets.gradients import Gradients
from course_lib.widgets.history import History
from course_lib.widgets.player import Player
from course_lib.widgets.predict import Prediction, predict
from course_lib.widgets.runs import LOSS, Measure, Moment, Trajectory
from course_lib.widgets.starts import shelf
from course_lib.widgets.watch import Score, Trace, Watch, replay

__all__ = [
    "LOSS",
    "BlindTest",
    "Canvas",
    "Evolve",
    "Gradients",
    "History",
    "Measure",
    "Moment",
    "Player",
    "Prediction",
    "Score",
    "Trace",
    "Trajectory",
    "Upload",
    "Watch",
    "predict",
    "replay",
    "shelf",
]
