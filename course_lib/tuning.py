"""Choose each task's settings on validation pictures: `python -m course_lib.tuning` writes data/tuned/TESTBED.json."""

import argparse
import json
from typing import Any

import torch
from torch import Tensor, nn

from course_lib import zoo
from course_lib.measuring.judging import in_batches, judged
from course_lib.pixels import bicubic, psnr, shrink
from course_lib.tasks import fill_with_mean, inpaint, paint, random_holes, superresolve
from course_lib.testbed import TUNED, Testbed, keywords
from course_lib.trials import Trial, solved, trials

GRIDS = {  # radii at 64 x 64, which grow with the side of a picture, as L2 norms do; and steps
    "generate": ((9.0, 12.0, 16.0), 40),
    "generate from noise": ((26.0, 32.0), 80),  # the noise itself is some 30 long, and has to go
    "translate": ((9.0, 12.0, 16.0), 40),
}
TRAVELS = (2.5, 10.0)  # radii that the steps of a run can travel: to the surface and along it, or to and fro


def tune(testbed: Testbed, *, count: int) -> dict[str, dict[str, Any]]:
    """Settings for every task, chosen on validation pictures."""
    found: dict[str, dict[str, Any]] = {}
    everything = list(trials(testbed, split="validation", count=count))
    for task in GRIDS:
        mine = [trial for trial in everything if trial.task == task]
        for model, suffix in ((testbed.robust, ""), (testbed.standard, " by the standard model")):
            found[task + suffix] = convincing(testbed, model, mine)
            print(f"{task}{suffix}: {found[task + suffix]}", flush=True)
    found |= {"sketch": found["generate"], "refine": found["translate"]}
    found["attack"] = {"radius": testbed.radius, "steps": 50}
    found["paint"] = tune_painting(testbed, count=count)
    return found | tune_restoration(testbed, count=count)


def convincing(testbed: Testbed, model: nn.Module, mine: list[Trial]) -> dict[str, Any]:
    """Of the settings whose judged share, averaged over trials, is within 2 points of the best, those with the smallest
    radius, and of these the shorter travel."""
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


def tune_painting(testbed: Testbed, *, count: int) -> dict[str, Any]:
    """Feature painting: what raises a unit the most while pixels outside the mask move by at most 2/255 on average."""
    images, _ = testbed.batch("validation", range(count))
    masks = random_holes(count, testbed.resolution, testbed.resolution // 2, generator=torch.Generator().manual_seed(7))
    scale = testbed.resolution / 64
    grid = [{**schedule(scale * radius), "weight": weight} for radius in (6.0, 9.0) for weight in (1e2, 1e3)]

    def raised(settings: dict[str, Any]) -> float:
        results = in_batches(lambda x, m: paint(testbed.robust, x, m, unit=0, **settings), images, masks)
        moved = ((results - images).abs() * (1 - masks)).sum() / (3 * (1 - masks).sum())
        gain = testbed.robust.features(results)[:, 0] - testbed.robust.features(images)[:, 0]
        return gain.mean().item() if moved <= 2 / 255 else -moved.item()

    return best_of(grid, raised, unit="in the unit")


def tune_restoration(testbed: Testbed, *, count: int) -> dict[str, dict[str, Any]]:
    """Super-resolution and inpainting: the largest mean PSNR gain over a small grid."""
    truth, labels = testbed.batch("validation", range(count))
    found = {}
    for factor in (2, 4):
        small = shrink(truth, factor)
        base = psnr(bicubic(small, factor), truth)
        grid = [
            {"radius": 12.0, "steps": steps, "step_size": size} for steps in (5, 10) for size in (0.02, 0.05, 0.1, 0.2)
        ]
        found[f"superresolve x{factor}"] = best_of(
            grid,
            lambda s, factor=factor, small=small, base=base: gain_of(
                in_batches(
                    lambda x, y: superresolve(testbed.robust, x, y, factor=factor, start=bicubic, **s), small, labels
                ),
                truth,
                base,
            ),
        )
    holes = random_holes(count, testbed.resolution, testbed.resolution // 4, generator=torch.Generator().manual_seed(6))
    damaged = fill_with_mean(truth, holes)
    base = psnr(damaged, truth, holes)
    scale = testbed.resolution / 64
    grid = [{**schedule(scale * radius), "weight": weight} for radius in (1.0, 2.0, 4.0, 6.0) for weight in (1e2, 1e3)]
    found["inpaint"] = best_of(
        grid,
        lambda s: gain_of(
            in_batches(lambda d, m, y: inpaint(testbed.robust, d, m, labels=y, **s), damaged, holes, labels),
            truth,
            base,
            holes,
        ),
    )
    return found


def best_of(grid: list[dict[str, Any]], gain: Any, *, unit: str = "dB") -> dict[str, Any]:
    """The settings with the largest mean gain."""
    scores = [gain(keywords(settings)) for settings in grid]
    best = max(range(len(grid)), key=scores.__getitem__)
    print(f"{grid[best]}: {scores[best]:+.3f} {unit}", flush=True)
    return grid[best]


def gain_of(results: Tensor, truth: Tensor, base: Tensor, mask: Tensor | None = None) -> float:
    return (psnr(results, truth, mask) - base).mean().item()


def schedule(radius: float, *, steps: int = 40, travel: float = 2.5) -> dict[str, Any]:
    """Steps that together can travel so many radii: by default enough to reach the ball's surface and move along it."""
    return {"radius": radius, "steps": steps, "step_size": round(travel * radius / steps, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20, help="pictures for each trial (default: %(default)s)")
    testbed, count = zoo.load(), parser.parse_args().count
    found = json.dumps(tune(testbed, count=count), indent=2)
    TUNED.mkdir(parents=True, exist_ok=True)
    (TUNED / f"{testbed.name}.json").write_text(found + "\n")


if __name__ == "__main__":
    main()
