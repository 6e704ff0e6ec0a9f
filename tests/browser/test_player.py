"""The player as a person meets it: keys, buttons and pictures in JupyterLab in Chromium."""

import pytest

from tests.conftest import OpenNotebook
from tests.tools import lab
from tests.tools.parts import written

pytestmark = pytest.mark.browser
PLAYER = """
import time
import torch
from course_lib.constraints import L2Ball
from course_lib.prepared import prepare
from course_lib.models import residual_network
from course_lib.pgd import Problem
from course_lib.tasks import cross_entropy
from course_lib.widgets import LOSS, Measure, Player, controls

torch.manual_seed(0)
models = {name: prepare(residual_network([8, 16, 16, 16], 10)) for name in ("robust", "standard")}
start = torch.nn.functional.interpolate(torch.rand(1, 3, 6, 6), size=64, mode="bicubic").clamp(0, 1)

def make(target, epsilon, steps, pause):
    def slowly(objective):
        return lambda images: (time.sleep(pause), objective(images))[1]
    labels = torch.tensor([target])
    settings = {"ball": L2Ball(epsilon), "steps": steps, "step_size": 0.5}
    return {n: Problem(slowly(cross_entropy(m, labels)), start, **settings) for n, m in models.items()}

def certainty(moment):
    return models["robust"](moment.frame.images).softmax(1)[:, moment.values["target"]]

player = Player(
    make,
    measures=[LOSS, Measure("judge: target", certainty)],
    caption=lambda moment: f"moved by {(moment.frame.images - moment.problem.start).norm():.2f}",
    target=controls.menu("target class", [("zebra", 1), ("orange", 3)], 1),
    epsilon=controls.epsilon(4.0, high=10.0),
    steps=controls.steps(20, high=2000),
    pause=controls.slider("pause", 0.0, low=0.0, high=1.0, step=0.05),
)
player
"""


def test_keys_move_the_pictures_and_the_step_slider_goes_back(open_notebook: OpenNotebook) -> None:
    with open_notebook.again(written(open_notebook, "player.ipynb", PLAYER)) as notebook:
        notebook.run_all()
        notebook.wait_for_status("Ready")
        before = notebook.pictures()
        notebook.press("ε (radius)", "ArrowRight")
        notebook.wait_for_change(before)
        notebook.wait_for_status("Done: 20 steps")
        notebook.show(lab.PLAYER)
        notebook.screenshot()
        assert notebook.slider("ε (radius)").get_attribute("aria-valuenow") == "4.5"

        final = notebook.pictures()
        notebook.press("step", *["ArrowLeft"] * 12)
        notebook.wait_for_change(final)
        notebook.page.get_by_alt_text("robust, step 8;").wait_for()
        notebook.show(lab.PLAYER)
        notebook.screenshot("_scrubbed")
        assert notebook.slider("step").get_attribute("aria-valuenow") == "8.0"
        assert notebook.slider("steps").get_attribute("aria-valuenow") == "20.0"
        notebook.wait_for_status("Done: 20 steps")  # nothing was computed for it
