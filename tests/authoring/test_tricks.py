"""What tricks buy: the notebook's own code, at equal cost, and what was measured with it."""

import json

import pytest
import torch

from course_lib import testbeds
from course_lib.authoring import tricks
from course_lib.constraints import L2Ball, norms
from course_lib.measuring.scores import low_frequency_share
from course_lib.pgd import solve
from course_lib.tasks import refine
from tests.tools import tiny


@pytest.fixture(scope="module")
def cell():
    return tricks.shown()


def test_without_tricks_it_is_the_primitive(cell):
    testbed, labels = testbeds.load("picturebook"), torch.tensor([3])
    start = cell.start_from("grey", 1, 64)
    assert (start - 0.5).abs().max() <= 0.05
    problem = cell.tricky(testbed.robust, start, labels, gradients=5)
    plain = refine(testbed.robust, start, labels, ball=L2Ball(14.0), steps=5, step_size=7.0)
    torch.testing.assert_close(solve(problem), solve(plain), rtol=0, atol=1e-4)


@pytest.mark.parametrize("trick", ["none", "momentum", "averaged", "coarse first", "all"])
def test_every_trick_asks_for_as_many_gradients(cell, trick):
    asked = []

    def model(images):
        asked.append(len(images))
        return images.flatten(1)[:, :3]

    solve(cell.tricky(model, cell.start_from("noise", 2, 32), torch.tensor([0, 1]), **cell.TRICKS[trick]))
    assert asked == [2] * cell.GRADIENTS


def test_directions_begin_coarse_and_remember(cell):
    gradient = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    ball = cell.Steered(1.0, 10, 0.0, True)
    shares = [low_frequency_share(ball.direction(gradient)) for _ in range(10)]
    assert shares[0] > 0.99
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < 0.5
    ball = cell.Steered(1.0, 10, 0.5, False)
    first, second = ball.direction(gradient), ball.direction(-gradient)
    torch.testing.assert_close(first, -gradient / norms(gradient))
    torch.testing.assert_close(second, -first, msg="half of the first step is remembered, and the second is longer")


def test_a_measurement_has_a_row_for_each_start_model_and_trick(cell, monkeypatch, tmp_path, capsys):
    testbed = tiny.untrained_testbed()
    monkeypatch.setattr(tricks, "FILE", tmp_path / "tricks.json")
    monkeypatch.setattr(testbeds, "load", lambda **_: testbed)
    tricks.tricks(["--count", "3"])
    found = json.loads(tricks.FILE.read_text())[testbed.name]
    assert found["pictures"] == 3
    assert set(found["provenance"]) >= {"commit", "weights", "device"}
    for kind in cell.STARTS:
        rows = found["rows"][kind]
        assert set(rows) == {"start", "robust", "standard"}
        assert [*rows["robust"]] == [*rows["standard"]] == [*cell.TRICKS]
        assert set(rows["start"]["judged"]) == set(testbed.judges)
        assert len(rows["standard"]["all"]["slope"]) == 3


def test_what_was_measured_says_what_the_notebook_says():
    rows = json.loads(tricks.FILE.read_text())["imagenette-128"]["rows"]
    for by in rows["grey"]["start"]["judged"]:
        shares = {
            (role, trick): rows["grey"][role][trick]["judged"][by][0]
            for role in ("robust", "standard")
            for trick in ("none", "all")
        }
        assert min(shares["robust", "none"], shares["robust", "all"]) >= 0.8
        assert shares["standard", "none"] <= 0.2
        assert shares["standard", "all"] >= shares["standard", "none"] + 0.1, "tricks buy judges"
