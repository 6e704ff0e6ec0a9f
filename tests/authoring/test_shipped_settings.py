"""Eight starts with the settings that ship: what a judge that tuning never asked sees, and how their spectrum falls."""

import json

import pytest
import torch

from course_lib import testbeds
from course_lib.measuring.judging import judged
from course_lib.measuring.scores import spectrum_slope
from course_lib.pgd import solve
from course_lib.storage.files import RESULTS
from course_lib.tasks import generate

WITHIN = 0.5  # of the slope of photographs


def drawn(bed: str, count: int) -> tuple[dict[str, float], float]:
    """The third judge's share of starts and of pictures, and the mean slope of the pictures' spectrum."""
    testbed, labels = testbeds.load(bed), torch.arange(count) % 10
    starts = testbed.seeds("multivariate").sample(labels, generator=torch.Generator().manual_seed(0))
    images = solve(generate(testbed.robust, starts, labels, **testbed.tuned["generate"]))
    shares = {
        what: judged(testbed.judges["third judge"], shown, labels).float().mean().item()
        for what, shown in (("start", starts), ("robust", images))
    }
    return shares, spectrum_slope(images).mean().item()


def slope_of_photographs(bed: str) -> float:
    tuned = json.loads((RESULTS / "tuning.json").read_text())[bed]
    return tuned["generate"]["finalists"][0]["slope of photographs"]


@pytest.mark.parametrize("bed", ["imagenette-128", "imagenette-224"])
def test_eight_starts_become_pictures_of_their_class(bed: str) -> None:
    shares, slope = drawn(bed, 8)
    assert shares["robust"] >= 7 / 8
    assert shares["robust"] >= shares["start"] + 0.5
    assert slope == pytest.approx(slope_of_photographs(bed), abs=WITHIN)


@pytest.mark.full
@pytest.mark.parametrize("bed", ["imagenette-128", "imagenette-224", "imagenette", "cifar10"])
def test_eighty_starts_become_pictures_of_their_class(bed: str) -> None:
    shares, slope = drawn(bed, 80)
    assert shares["robust"] >= 0.9
    assert shares["robust"] >= shares["start"] + 0.5
    assert slope == pytest.approx(slope_of_photographs(bed), abs=WITHIN)
