"""Live demos for the notebooks. They work without a browser, too, so that a test can drive them."""

from course_lib.widgets.lessons import Course, Score
from course_lib.widgets.player import Player
from course_lib.widgets.runs import LOSS, Measure, Moment, Trajectory
from course_lib.widgets.training import Watch, replay

__all__ = ["LOSS", "Course", "Measure", "Moment", "Player", "Score", "Trajectory", "Watch", "replay"]
