"""What works and how well, measured once on test pictures, into data/results/quality.json.

Every class-changing task is measured the same way, for the start, for the robust model, for the standard model under
the same settings and under its own best settings, and for a random direction of the same length as the robust model's
change: the share that each judge (a network the synthesis never sees) assigns to the wanted class, how far the pictures
are from real ones of the classes in each judge's features, and the slope of their spectrum.
"""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from course_lib import testbeds
from course_lib.authoring.provenance import of_testbed
from course_lib.authoring.results import add_results
from course_lib.authoring.rows import ROWS
from course_lib.authoring.trials import Trial, of_classes, solved, trials
from course_lib.constraints import L2Ball, norms
from course_lib.measuring.accuracy import robust_hits
from course_lib.measuring.intervals import bootstrap, rounded, wilson
from course_lib.measuring.judging import at_once, features_of, judged, outputs, random_change
from course_lib.measuring.scores import frechet, kernel_distance, spectrum_slope
from course_lib.prepared import best_device
from course_lib.storage.files import RESULTS
from course_lib.testbeds import Testbed

CONTENDERS = ("start", "robust", "standard", "standard, own best settings", "random direction")
LENGTH, SLOPE = "length", "slope"  # of the change, L2 in pixel units; of the spectrum
REAL = "real pictures"  # a second set of them beside the contenders: as near as anything can come
LIFTS = {  # paired differences of two contenders
    "robust - start": ("robust", "start"),
    "standard - start": ("standard", "start"),
    "robust - standard, own best settings": ("robust", "standard, own best settings"),
}
ENOUGH = 60  # pictures, for a distance between sets
ALL_WAYS = "translation, all ways together"

Seen = Mapping[str, Mapping[str, Tensor]]
"""For each contender, picture by picture: what each judge says (hits) and sees (features), length and slope."""


def contenders(testbed: Testbed, trial: Trial) -> dict[str, Tensor]:
    """The pictures of every contender of a trial."""
    settings, own = testbed.tuned[trial.task], testbed.tuned[f"{trial.task} by the standard model"]
    robust = solved(testbed.robust, trial, settings)
    standard, own_best = solved(testbed.standard, trial, settings), solved(testbed.standard, trial, own)
    pictures = (trial.starts, robust, standard, own_best, random_change(trial.starts, robust))
    return dict(zip(CONTENDERS, pictures, strict=True))


def seen(testbed: Testbed, trial: Trial) -> Seen:
    """What the judges see in the contenders of one trial."""
    return {
        name: {by: judged(judge, images, trial.targets) for by, judge in testbed.judges.items()}
        | looked_at(testbed, images)
        | {LENGTH: norms(images - trial.starts).flatten(), SLOPE: spectrum_slope(images)}
        for name, images in contenders(testbed, trial).items()
    }


def looked_at(testbed: Testbed, images: Tensor) -> dict[str, Tensor]:
    """Every judge's features of the pictures."""
    return {features(by): outputs(features_of(judge), images) for by, judge in testbed.judges.items()}


def features(judge: str) -> str:
    return f"features of {judge}"


def pooled(many: Sequence[Seen]) -> Seen:
    """Several trials as one: all their pictures together."""
    return {name: {by: torch.cat([one[name][by] for one in many]) for by in values} for name, values in many[0].items()}


def row(one: Seen) -> dict[str, Any]:
    """A row of the table: for each contender [share, low, high] by each judge, length and slope; paired differences."""
    judges = [by for by, values in one[CONTENDERS[0]].items() if values.dtype == torch.bool]
    shares = {
        name: {judge: wilson(values[judge]) for judge in judges}
        | {LENGTH: round(values[LENGTH].mean().item(), 2), SLOPE: bootstrap(values[SLOPE])}
        for name, values in one.items()
    }
    lifts = {
        name: {judge: bootstrap(one[first][judge].float() - one[second][judge].float()) for judge in judges}
        for name, (first, second) in LIFTS.items()
    }
    return {"pictures": len(one[CONTENDERS[0]][LENGTH]), **shares, "lift": lifts}


def distances(testbed: Testbed, one: Seen, targets: Tensor) -> dict[str, Any]:
    """How far each contender is from real pictures of the targets' classes, and a second set of real ones from those.

    The second set has as many pictures as the contenders: the Frechet distance depends on their number.
    """
    count = len(targets)
    real = of_classes(testbed, "test", targets, count=2 * count)
    order = torch.randperm(len(real), generator=torch.Generator().manual_seed(0))
    first, second = (looked_at(testbed, real[part]) for part in order.split(len(real) // 2)[:2])
    found: dict[str, Any] = {"kernel distance": {}, "frechet distance": {}}
    for name, values in {**one, REAL: second}.items():
        pairs = {judge: (first[features(judge)], values[features(judge)]) for judge in testbed.judges}
        found["kernel distance"][name] = {by: kernel_distance(nn.Identity(), *pair) for by, pair in pairs.items()}
        found["frechet distance"][name] = {by: frechet(*pair) for by, pair in pairs.items()}
    return found | {"slope of real pictures": bootstrap(spectrum_slope(real))}


def restoration(testbed: Testbed, *, count: int, model: nn.Module) -> dict[str, Any]:
    """The rows of `ROWS` that have a baseline: each score as [mean, low, high] by bootstrap."""
    rows: dict[str, Any] = {}
    for name, one in ROWS.items():
        if one.baseline:
            inputs = one.inputs(testbed, "test", max(1, round(one.share * count)))
            scores = one.scored(testbed, model, inputs, settings=testbed.tuned[one.settings])
            means = {score: bootstrap(values) for score, values in scores.items()}
            rows[name] = {"pictures": len(inputs[0]), "baseline": one.baseline, **means}
    return rows


def contrast(testbed: Testbed, *, count: int) -> dict[str, Any]:
    """Clean and robust accuracy of both models at the testbed's radius: 50 steps from one random start."""
    images, labels = (tensor.to(best_device()) for tensor in testbed.batch("test", range(count)))
    rows = {}
    for name, model in testbed.models.items():
        hits = robust_hits(model, images, labels, ball=L2Ball(testbed.radius), restarts=1, batch_size=at_once(images))
        rows[name] = {"pictures": count, "clean": wilson(judged(model, images, labels)), "robust": wilson(hits)}
    return rows


def classes(testbed: Testbed, *, count: int) -> dict[str, Any]:
    """The rows of the class-changing tasks; distances where a row has pictures enough."""
    done = [(trial, seen(testbed, trial)) for trial in trials(testbed, split="test", count=count)]
    rows = {trial.name: (trial.task, one, trial.targets) for trial, one in done}
    if ways := [rows[trial.name] for trial, _ in done if trial.task == "translate"]:
        rows[ALL_WAYS] = "translate", pooled([one for _, one, _ in ways]), torch.cat([targets for *_, targets in ways])
    found: dict[str, Any] = {}
    for name, (task, one, targets) in rows.items():
        found[name] = row(one) | {"steps": testbed.tuned[task]["steps"]}
        if len(targets) >= ENOUGH and (task != "translate" or name == ALL_WAYS):
            found[name] |= distances(testbed, one, targets)
    return found


def measured(testbed: Testbed, *, count: int) -> dict[str, Any]:
    return {
        "contrast": contrast(testbed, count=count),
        "classes": classes(testbed, count=count),
        "restoration": restoration(testbed, count=2 * count, model=testbed.robust),
        "restoration by the standard model": restoration(testbed, count=2 * count, model=testbed.standard),
        "provenance": of_testbed(testbed, split="test"),
    }


def measure(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m course_lib measure", description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200, help="pictures for each class-changing task")
    count, testbed = parser.parse_args(arguments).count, testbeds.load()
    versions = {"as it ships": testbed}
    if testbed.name == "picturebook":
        versions |= {"nothing planted (shortcut=0)": testbeds.load("picturebook", shortcut=0.0)}
    found = {title: measured(version, count=count) for title, version in versions.items()}
    add_results(RESULTS / "quality.json", {testbed.name: rounded(found)})
