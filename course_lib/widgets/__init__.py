"""Live demos for the notebooks. They work without a browser, too, so that a test can drive them."""

from course_lib.widgets.blind import BlindTest as BlindTest
from course_lib.widgets.buttons import Upload as Upload
from course_lib.widgets.canvas import Canvas as Canvas
from course_lib.widgets.evolving import Evolve as Evolve
from course_lib.widgets.gradients import Gradients as Gradients
from course_lib.widgets.history import History as History
from course_lib.widgets.player import Player as Player
from course_lib.widgets.predict import Prediction as Prediction
from course_lib.widgets.predict import predict as predict
from course_lib.widgets.runs import LOSS as LOSS
from course_lib.widgets.runs import Measure as Measure
from course_lib.widgets.runs import Moment as Moment
from course_lib.widgets.runs import Trajectory as Trajectory
from course_lib.widgets.starts import shelf as shelf
from course_lib.widgets.watch import Score as Score
from course_lib.widgets.watch import Trace as Trace
from course_lib.widgets.watch import Watch as Watch
from course_lib.widgets.watch import replay as replay
