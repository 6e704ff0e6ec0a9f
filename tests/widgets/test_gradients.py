"""The demo of gradients, driven without a browser."""

import pytest
import torch

from course_lib import testbeds
from course_lib.constraints import norms
from course_lib.datasets.shipped import FOLDER, photograph
from course_lib.measuring.scores import low_frequency_share
from course_lib.pgd import solve, value_and_gradient
from course_lib.tasks import cross_entropy, refine
from course_lib.testbeds import imagenette
from course_lib.widgets import Gradients
from course_lib.widgets.scene import PGD, Smooth

QUICK = {"steps": 3}


@pytest.fixture(scope="module")
def demo() -> Gradients:
    return Gradients()


@pytest.fixture(scope="module")
def pair() -> testbeds.Testbed:
    return testbeds.load("imagenette-128")


def shown(run):
    return torch.from_numpy(run.pictures[-1]).permute(0, 3, 1, 2) / 255


def test_it_shows_minus_the_gradient_of_the_suggested_class(demo, pair):
    runs = demo.compute(picture="rocket", **QUICK)
    loss = cross_entropy(pair.robust, torch.tensor([pair.classes.index("church")]))
    slope = value_and_gradient(loss, photograph("rocket"))[1]
    seen = (shown(runs["robust"]) - 0.5).flatten()
    assert torch.corrcoef(torch.stack([seen, -slope.clamp(-0.01, 0.01).flatten()]))[0, 1] > 0.8
    inverted = shown(demo.compute(picture="rocket", lower=False, **QUICK)["robust"])
    torch.testing.assert_close(inverted - 0.5, 0.5 - shown(runs["robust"]), rtol=0, atol=0.01)


def test_a_straight_walk_keeps_its_direction_and_pgd_is_pgd(demo, pair):
    start, aim = photograph("cat"), torch.tensor([pair.classes.index("springer")])
    slope = value_and_gradient(cross_entropy(pair.robust, aim), start)[1]
    run = demo.compute(epsilon=6.0, **QUICK)["robust"]
    torch.testing.assert_close(run.images, (start - 6.0 * slope / norms(slope)).clamp(0, 1), rtol=0, atol=1e-4)
    run = demo.compute(epsilon=6.0, walk=PGD, **QUICK)["robust"]
    torch.testing.assert_close(
        run.images, solve(refine(pair.robust, start, aim, ball=run.problem.ball, steps=3, step_size=5.0))
    )


def test_the_promise_starts_at_the_real_loss_and_only_the_robust_one_holds_for_a_while(demo):
    runs = demo.compute(picture="hubble_deep_field", epsilon=1.0, **QUICK)
    gaps = {}
    for name, run in runs.items():
        real, promised = run.line("real loss"), run.line("promised loss")
        assert real[0] == pytest.approx(promised[0], abs=1e-4)
        assert real == pytest.approx(run.losses.mean(1).tolist(), abs=1e-5)
        gaps[name] = abs(real[-1] - promised[-1])
    far = demo.compute(epsilon=24.0)["standard"].line("real loss")
    assert gaps["robust"] < 0.1 < 0.5 < gaps["standard"]
    assert far[-1] > min(far) + 0.5, "going on along a standard gradient, the loss rises again"


def test_noisy_copies_are_averaged_and_each_gradient_is_computed_once():
    calls = []

    def loss(images):
        calls.append(len(images))
        return images.square().flatten(1).sum(1)

    smooth, start = Smooth(loss, "church", noise=0.1, copies=64), torch.full((1, 3, 8, 8), 0.5)
    losses, slope = smooth.both(start)
    assert losses.item() == pytest.approx(48.0)
    assert slope.mean().item() == pytest.approx(1.0, abs=0.01)
    assert slope.std() > 0.005
    assert value_and_gradient(smooth, start)[1].equal(slope)
    assert calls == [1, 64]


def test_views_show_the_walk_and_the_change_on_one_scale(demo):
    runs = demo.compute(picture="rocket", walk=PGD, shows="picture", **QUICK)
    torch.testing.assert_close(shown(runs["robust"]), runs["robust"].images, rtol=0, atol=0.003)
    changes = demo.compute(picture="rocket", walk=PGD, shows="change", **QUICK)
    for run in changes.values():
        change = run.images - photograph("rocket")
        wanted = 0.5 + 0.28 * 128 * change / norms(change)
        torch.testing.assert_close(shown(run), wanted.clamp(0, 1), rtol=0, atol=0.003)
        assert not (run.pictures[0] == 128).all(), "the first frame shows where the walk will go"
    assert low_frequency_share(shown(changes["robust"]) - 0.5) > low_frequency_share(shown(changes["standard"]) - 0.5)


def test_the_dial_lists_what_ships_and_changes_the_network(demo):
    radii = [value for _, value in demo.controls["radius"].options]
    assert radii == [2.4, *imagenette.dial()]
    assert {0.0, 1.2} <= set(radii)
    runs = {radius: demo.compute(radius=radius, **QUICK) for radius in (0.0, 1.2)}
    assert runs[0.0]["robust"].images.shape == (1, 3, 64, 64)
    assert runs[0.0]["robust"].images.equal(runs[0.0]["standard"].images)
    assert runs[1.2]["standard"].images.equal(runs[0.0]["standard"].images)
    assert not runs[1.2]["robust"].images.equal(runs[0.0]["robust"].images)
    assert "trained at 1.2:" in runs[1.2]["robust"].captions[-1]


def test_a_picture_of_ones_own_is_taken_as_soon_as_it_is_chosen():
    demo = Gradients()
    demo.controls["own"].value = (FOLDER / "coffee.webp").read_bytes()
    assert demo.wait(60)["robust"].problem.start.equal(photograph("coffee"))
    assert demo.controls["picture"].value == "your own"
    demo.reset()
    assert demo.controls["picture"].value == "cat", "a reset takes the file away, too"
    demo.controls["own"].value = b"no picture"
    with pytest.raises(ValueError, match=r"^expected a picture file \(PNG, JPEG, \.\.\.\), got something else"):
        demo.wait(60)


def test_without_a_file_of_ones_own_one_sentence_says_what_to_do(demo):
    with pytest.raises(ValueError, match=r"^expected a picture of your own, got none yet: choose a file$"):
        demo.compute(picture="your own")
