"""Choose each task's settings on validation pictures, and write data/tuned/TESTBED.json."""

import argparse
import json
from collections.abc import Sequence

import torch
from torch import nn

from course_lib import testbeds
from course_lib.authoring.trials import ROWS, Row, Settings, Trial, schedule, solved, trials
from course_lib.measuring.judging import judged
from course_lib.storage.files import write
from course_lib.testbeds import Testbed
from course_lib.testbeds.testbed import TUNED, keywords

GRIDS = {  # radii at 64 x 64, which grow with the side of a picture, as L2 norms do; and steps
    "generate": ((9.0, 12.0, 16.0), 40),
    "generate from noise": ((26.0, 32.0), 80),  # the noise itself is some 30 long, and has to go
    "translate": ((9.0, 12.0, 16.0), 40),
}
TRAVELS = (2.5, 10.0)  # radii that the steps of a run can travel: to the surface and along it, or to and fro


def tune(testbed: Testbed, *, count: int) -> dict[str, Settings]:
    found: dict[str, Settings] = {}
    everything = list(trials(testbed, split="validation", count=count))
    for task in GRIDS:
        mine = [trial for trial in everything if trial.task == task]
        for model, suffix in ((testbed.robust, ""), (testbed.standard, " by the standard model")):
            found[task + suffix] = convincing(testbed, model, mine)
            print(f"{task}{suffix}: {found[task + suffix]}", flush=True)
    found |= {"sketch": found["generate"], "refine": found["translate"]}
    found["attack"] = {"radius": testbed.radius, "steps": 50}
    return found | {row.settings: best_of(testbed, row, count=count) for row in ROWS.values() if row.grid}


def convincing(testbed: Testbed, model: nn.Module, mine: Sequence[Trial]) -> Settings:
    """Of the settings within 2 points of the best judged share, those of smallest radius, then of shorter travel.

    The share is averaged over trials.
    """
    radii, steps = GRIDS[mine[0].task]
    grid = [
        schedule(radius * testbed.resolution / 64, steps=steps, travel=travel) for radius in radii for travel in TRAVELS
    ]
    shares = []
    for settings in grid:
        words = keywords(settings)
        hits = [judged(testbed.judge, solved(model, trial, words), trial.targets).float().mean() for trial in mine]
        shares.append(torch.stack(hits).mean().item())
    print([round(share, 3) for share in shares], flush=True)
    return next(settings for settings, share in zip(grid, shares, strict=True) if share >= max(shares) - 0.02)


def best_of(testbed: Testbed, row: Row, *, count: int) -> Settings:
    """The settings of a row's grid with the largest mean gain of the robust model."""
    inputs, scale = row.inputs(testbed, "validation", count), testbed.resolution / 64 if row.scaled else 1
    grid = [
        settings | {key: round(scale * settings[key], 3) for key in ("radius", "step_size")} for settings in row.grid
    ]
    means = [row.scored(testbed.robust, inputs, keywords(settings))["gain"].mean().item() for settings in grid]
    best = max(range(len(grid)), key=means.__getitem__)
    print(f"{row.settings}: {grid[best]}, gain {means[best]:+.3f}", flush=True)
    return grid[best]


def tune_from(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m course_lib tune", description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="pictures for each trial (default: %(default)s)")
    count, testbed = parser.parse_args(arguments).count, testbeds.load()
    write(TUNED / f"{testbed.name}.json", (json.dumps(tune(testbed, count=count), indent=2) + "\n").encode())
