"""Who is convinced: the share of pictures that a judge takes for the wanted class, beside its own training radius.

Judges are a testbed's own, with their answer "nothing" and forced to choose a class, and the networks that differ in
the training radius alone. What is measured goes into data/results/judges.json, which notebook 10 draws.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from course_lib import testbeds
from course_lib.authoring.measure import contenders
from course_lib.authoring.provenance import hashes, of_testbed
from course_lib.authoring.results import add_results
from course_lib.authoring.trials import trials
from course_lib.measuring.intervals import bootstrap, rounded, wilson
from course_lib.measuring.judging import Network, outputs
from course_lib.one_line import OneLine
from course_lib.prepared import best_device, prepare
from course_lib.storage.files import RESULTS
from course_lib.testbeds import Testbed, imagenette
from course_lib.testbeds.weights import load_card, load_model

FILE, BEDS = RESULTS / "judges.json", ("imagenette-128", "imagenette", "picturebook")
TRIALS = ("generation, multivariate", "generation, seeds of a wrong class")
FORCED = ", forced to choose"
REAL = 500  # test pictures at most, for a judge's accuracy


@dataclass(frozen=True, repr=False)
class Judge(OneLine):
    """A network that judges, its training radius, and among how many of its first answers it chooses."""

    network: Network
    radius: float
    answers: int

    def sees(self, images: Tensor, targets: Tensor) -> Tensor:
        return outputs(self.network, images)[:, : self.answers].argmax(1) == targets


def panel(testbed: Testbed) -> Iterator[tuple[str, Judge]]:
    """Every judge by name: the testbed's, each twice, and for photographs those of the dial."""
    classes = len(testbed.classes)
    for name, network in testbed.judges.items():
        radius = load_card(testbed.weights[name], folder=testbed.home)["recipe"]["radius"]
        yield name, Judge(network, radius, len(testbed.answers))
        yield name + FORCED, Judge(network, radius, classes)
    if testbed.name.startswith("imagenette"):
        for radius, name in imagenette.dial().items():
            network = prepare((testbed.load or load_model)(name))
            yield f"radius {radius:g}", Judge(network, radius, classes)


def convinced(testbed: Testbed, *, count: int) -> dict[str, Any]:
    """By trial and judge: its radius, accuracy on test pictures, and each contender's [share, low, high]."""
    judges = dict(panel(testbed))
    images, labels = (tensor.to(best_device()) for tensor in testbed.first("test", REAL))
    right = {name: wilson(judge.sees(images, labels)) for name, judge in judges.items()}
    found: dict[str, Any] = {}
    for trial in trials(testbed, split="test", count=count):
        if trial.name in TRIALS:
            pictures = contenders(testbed, trial)
            found[trial.name] = {
                name: {"radius": judge.radius, "accuracy": right[name]} | said(judge, pictures, trial.targets)
                for name, judge in judges.items()
            }
    return {"pictures": count, "trials": found}


def said(judge: Judge, pictures: dict[str, Tensor], targets: Tensor) -> dict[str, list[float]]:
    """Each contender's share, and the paired difference of the robust model's and the standard one's best."""
    hits = {name: judge.sees(images, targets) for name, images in pictures.items()}
    difference = hits["robust"].float() - hits["standard, own best settings"].float()
    return {name: wilson(values) for name, values in hits.items()} | {"robust - standard's best": bootstrap(difference)}


def judges(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m course_lib judges", description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200, help="pictures of each kind (default: %(default)s)")
    parser.add_argument("names", nargs="*", default=BEDS, help="of testbeds (default: %(default)s)")
    options = parser.parse_args(arguments)
    for testbed in map(testbeds.load, options.names):
        made = of_testbed(testbed, split="test")
        made["weights"] |= hashes(imagenette.dial().values()) if testbed.name.startswith("imagenette") else {}
        add_results(FILE, {testbed.name: rounded(convinced(testbed, count=options.count)) | {"provenance": made}})
