"""What works and how well, measured once on test pictures, into data/results/quality.json.

Every class-changing task is measured the same way: the share of results that the judge (a network the synthesis never
sees) assigns to the wanted class, for the start, for the robust model, for the standard model under the same settings
and under its own best settings, and for a random direction of the same length as the robust model's change.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from course_lib import testbeds
from course_lib.authoring.trials import ROWS, Trial, solved, trials
from course_lib.constraints import L2Ball, norms
from course_lib.measuring.accuracy import robust_hits
from course_lib.measuring.intervals import bootstrap, rounded, wilson
from course_lib.measuring.judging import at_once, judged, random_change
from course_lib.storage.files import RESULTS, write
from course_lib.testbeds import Testbed

CONTENDERS = ("start", "robust", "standard", "standard, own best settings", "random direction")
LENGTH = "length"  # beside the judges: the mean L2 length of the change, in pixel units

Seen = Mapping[str, Mapping[str, Tensor]]
"""For each contender what each judge says of every picture (hits), and the length of every change."""


def seen(testbed: Testbed, trial: Trial) -> Seen:
    """The contenders of one trial."""
    settings, own = testbed.tuned[trial.task], testbed.tuned[f"{trial.task} by the standard model"]
    robust = solved(testbed.robust, trial, settings)
    standard, own_best = solved(testbed.standard, trial, settings), solved(testbed.standard, trial, own)
    contenders = (trial.starts, robust, standard, own_best, random_change(trial.starts, robust))
    return {
        name: {by: judged(judge, images, trial.targets) for by, judge in testbed.judges.items()}
        | {LENGTH: norms(images - trial.starts).flatten()}
        for name, images in zip(CONTENDERS, contenders, strict=True)
    }


def pooled(many: Sequence[Seen]) -> Seen:
    """Several trials as one: all their pictures together."""
    return {name: {by: torch.cat([one[name][by] for one in many]) for by in values} for name, values in many[0].items()}


def row(one: Seen) -> dict[str, Any]:
    """A row of the table: for each contender [share, low, high] by each judge, and the mean length of its change."""
    shares = {
        name: {by: round(x.mean().item(), 2) if by == LENGTH else wilson(x) for by, x in values.items()}
        for name, values in one.items()
    }
    return {"pictures": len(one[CONTENDERS[0]][LENGTH]), **shares}


def restoration(testbed: Testbed, *, count: int, model: nn.Module) -> dict[str, Any]:
    """The rows of `ROWS` that have a baseline: each score as [mean, low, high] by bootstrap."""
    rows: dict[str, Any] = {}
    for name, one in ROWS.items():
        if one.baseline:
            inputs = one.inputs(testbed, "test", max(1, round(one.share * count)))
            scores = one.scored(model, inputs, testbed.tuned[one.settings])
            means = {score: bootstrap(values) for score, values in scores.items()}
            rows[name] = {"pictures": len(inputs[0]), "baseline": one.baseline, **means}
    return rows


def contrast(testbed: Testbed, *, count: int) -> dict[str, Any]:
    """Clean and robust accuracy of both models at the testbed's radius: 50 steps, random start, 5 restarts."""
    images, labels = testbed.batch("test", range(count))
    rows = {}
    for name, model in testbed.models.items():
        hits = robust_hits(model, images, labels, ball=L2Ball(testbed.radius), batch_size=at_once(images))
        rows[name] = {"pictures": count, "clean": wilson(judged(model, images, labels)), "robust": wilson(hits)}
    return rows


def measured(testbed: Testbed, *, count: int) -> dict[str, Any]:
    classes = {trial.name: seen(testbed, trial) for trial in trials(testbed, split="test", count=count)}
    if ways := [one for name, one in classes.items() if name.startswith("translation")]:
        classes["translation, all ways together"] = pooled(ways)
    return {
        "contrast": contrast(testbed, count=2 * count),
        "classes": {name: row(one) for name, one in classes.items()},
        "restoration": restoration(testbed, count=10 * count, model=testbed.robust),
        "restoration by the standard model": restoration(testbed, count=5 * count, model=testbed.standard),
    }


def measure(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m course_lib measure", description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100, help="pictures for each class-changing task")
    count, testbed = parser.parse_args(arguments).count, testbeds.load()
    versions = {"as it ships": testbed}
    if testbed.name == "picturebook":
        versions |= {"nothing planted (shortcut=0)": testbeds.load("picturebook", shortcut=0.0)}
    found = {title: measured(version, count=count) for title, version in versions.items()}
    path = RESULTS / "quality.json"
    everything = json.loads(path.read_text()) if path.exists() else {}
    write(path, (json.dumps(everything | {testbed.name: rounded(found)}, indent=1) + "\n").encode())
