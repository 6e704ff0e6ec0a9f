"""Choose each task's settings on validation pictures, and write data/tuned/TESTBED.json.

Class-changing tasks: among the settings whose shares by both judges are within 2 points of the best, those whose
results are nearest to real pictures of the classes, by the second judge's kernel distance, in the fewest steps. All
that was tried goes into data/results/tuning.json.
"""

import argparse
import json
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from course_lib import testbeds
from course_lib.authoring.provenance import of_testbed
from course_lib.authoring.results import add_results
from course_lib.authoring.rows import GAIN, ROWS, Row
from course_lib.authoring.trials import Settings, Task, Trial, coarse_first, of_classes, schedule, solved, trials
from course_lib.measuring.intervals import rounded
from course_lib.measuring.judging import Network, features_of, judged, outputs
from course_lib.measuring.scores import frechet, kernel_distance, spectrum_slope
from course_lib.one_line import OneLine
from course_lib.storage.files import RESULTS, write
from course_lib.tasks import refine
from course_lib.testbeds import Testbed
from course_lib.testbeds.testbed import TUNED, keywords

RADII = {  # at 64 x 64, which grow with the side of a picture, as L2 norms do
    "generate": (7.0, 9.0, 12.0, 16.0),
    "generate from noise": (20.0, 26.0, 32.0, 40.0),  # the noise itself is some 30 long, and has to go
    "translate": (7.0, 9.0, 12.0, 16.0),
}
STEPS, FEWER = (8, 15, 30, 60), (15, 60)  # of the robust model; of the standard one
TRAVELS = (2.5, 5.0)  # radii that the steps of a run can travel: to the surface and along it, or further
JUDGES = ("judge", "second judge")  # of every testbed; a third one is never asked
SHARE, DISTANCE = 0.02, 0.002  # what a judged share may lose, and the kernel distance, for a better choice otherwise
FINALISTS, REAL = 2, 1_000  # settings that are tried on many pictures; real pictures at most
TUNING = RESULTS / "tuning.json"

Tried = dict[str, Any]


class Exam(OneLine):
    """What settings of one task are tried on: its trials, and real pictures of their classes as a judge sees them."""

    def __init__(self, testbed: Testbed, mine: Sequence[Trial]) -> None:
        self.testbed, self.trials = testbed, mine
        starts, targets = (torch.cat([getattr(trial, part) for trial in mine]) for part in ("starts", "targets"))
        self.whole = Trial(mine[0].task, mine[0].task, starts, targets)
        self.pictures = len(self.whole.targets)
        real = of_classes(testbed, "validation", self.whole.targets, count=REAL)
        self.real, self.slope = outputs(eye(testbed), real), spectrum_slope(real).mean().item()

    def tried(self, model: nn.Module, settings: Settings, task: Task = refine) -> Tried:
        """What these settings do: judged shares averaged over trials, distances to real pictures, the spectrum."""
        counts = [len(trial.targets) for trial in self.trials]
        together = solved(model, self.whole, keywords(settings), task=task)  # one large batch keeps a GPU busy
        seen, shares = outputs(eye(self.testbed), together), {}
        for name, judge in judges(self.testbed).items():
            hits = judged(judge, together, self.whole.targets).float()
            shares[name] = torch.stack([part.mean() for part in hits.split(counts)]).mean().item()
        one = {
            "settings": settings,
            "pictures": self.pictures,
            "judged": shares,
            "kernel distance": kernel_distance(nn.Identity(), self.real, seen),
            "frechet distance": frechet(self.real, seen),
            "slope": spectrum_slope(together).mean().item(),
            "slope of photographs": self.slope,
        }
        print(rounded(one), flush=True)
        return rounded(one) | {"settings": settings}


def tune(testbed: Testbed, *, count: int, final: int) -> tuple[dict[str, Settings], dict[str, Any]]:
    """The settings of each task, and what was tried: `count` pictures of each trial, `final` in all for the best."""
    found: dict[str, Settings] = {}
    log: dict[str, Any] = {}
    everything = list(trials(testbed, split="validation", count=count))
    for task in RADII:
        few = Exam(testbed, [trial for trial in everything if trial.task == task])
        larger = trials(testbed, split="validation", count=max(count, final * count // few.pictures))
        many = Exam(testbed, [trial for trial in larger if trial.task == task])
        for model, suffix in ((testbed.robust, ""), (testbed.standard, " by the standard model")):
            found[task + suffix], log[task + suffix] = convincing(model, few, many, task=task)
            print(f"{task}{suffix}: {found[task + suffix]}", flush=True)
    found |= {"sketch": found["generate"], "refine": found["translate"]}
    found["attack"] = {"radius": testbed.radius, "steps": 50}
    return found | {row.settings: best_of(testbed, row, count=count) for row in ROWS.values() if row.grid}, log


def convincing(model: nn.Module, few: Exam, many: Exam, *, task: str) -> tuple[Settings, dict[str, Any]]:
    """The best settings of a class-changing task: of a grid by few pictures, then of the best by many.

    With them comes what was tried: the grid, the finalists, and for the robust model the curve along the steps, also
    with the first half of them at half the resolution.
    """
    testbed, standard = few.testbed, model is few.testbed.standard
    grid = [
        few.tried(model, schedule(radius * testbed.resolution / 64, steps=number, travel=travel))
        for radius in RADII[task]
        for travel in TRAVELS
        for number in (FEWER if standard else STEPS)
    ]
    finalists = [many.tried(model, one["settings"]) for one in ranked(grid)[:FINALISTS]]
    best: Settings = ranked(finalists)[0]["settings"]
    log = {"grid": grid, "finalists": finalists}
    if not standard:
        travel = best["step_size"] * best["steps"] / best["radius"]
        curve = [schedule(best["radius"], steps=number, travel=travel) for number in STEPS]
        log["steps"] = [many.tried(model, settings) for settings in curve]
        log["steps, the first half at half the resolution"] = [
            many.tried(model, settings, coarse_first) for settings in curve
        ]
    return best, log


def judges(testbed: Testbed) -> dict[str, nn.Module]:
    """The judges that tuning asks: the first two of a testbed."""
    return {name: testbed.judges[name] for name in JUDGES if name in testbed.judges}


def eye(testbed: Testbed) -> Network:
    """In whose features distances are: the last of these judges'."""
    return features_of([*judges(testbed).values()][-1])


def ranked(many: Sequence[Tried]) -> list[Tried]:
    """From best to worst: first those that convince both judges as well as any, to 2 points, then the others.

    Among the first, those as near to real pictures as any come first, in order of their steps; then by distance.
    """
    best = {name: max(one["judged"][name] for one in many) for name in many[0]["judged"]}
    lost = [max(best[name] - share for name, share in one["judged"].items()) for one in many]
    allowed = max(SHARE, min(lost)) + 1e-9
    distances = [one["kernel distance"][0] for one in many]
    nearest = min(distance for distance, missing in zip(distances, lost, strict=True) if missing <= allowed)

    def place(number: int) -> tuple[float, ...]:
        if lost[number] > allowed:
            return 2, lost[number]
        if distances[number] <= nearest + DISTANCE:
            return 0, many[number]["settings"]["steps"], distances[number]
        return 1, distances[number]

    return [many[number] for number in sorted(range(len(many)), key=place)]


def best_of(testbed: Testbed, row: Row, *, count: int) -> Settings:
    """The settings of a row's grid with which the robust model raises the row's score most, in the mean.

    Those that lose more decibels than the row allows come after all others.
    """
    inputs, scale = row.inputs(testbed, "validation", count), testbed.resolution / 64 if row.scaled else 1
    grid = [
        settings | {key: round(scale * settings[key], 3) for key in ("radius", "step_size")} for settings in row.grid
    ]
    scores = [row.scored(testbed, testbed.robust, inputs, settings=keywords(settings)) for settings in grid]
    means = [score[row.raised].mean().item() for score in scores]
    fair = [score[GAIN].mean().item() >= -row.loses for score in scores]
    best = max(range(len(grid)), key=lambda place: (fair[place], means[place]))
    print(f"{row.settings}: {grid[best]}, {row.raised} {means[best]:+.3f}", flush=True)
    return grid[best]


def tune_from(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m course_lib tune", description=__doc__)
    parser.add_argument("--count", type=int, default=40, help="pictures for each trial (default: %(default)s)")
    parser.add_argument("--final", type=int, default=500, help="pictures for the best settings (default: %(default)s)")
    chosen, testbed = parser.parse_args(arguments), testbeds.load()
    found, log = tune(testbed, count=chosen.count, final=chosen.final)
    made = {"provenance": of_testbed(testbed, split="validation", tuned=False)}
    write(TUNED / f"{testbed.name}.json", (json.dumps(found | made, indent=2) + "\n").encode())
    add_results(TUNING, {testbed.name: log | made})
