"""What works and how well, measured once on test pictures: `python -m course_lib.quality` writes data/results.

Every class-changing task is measured the same way: the share of results that the judge (a network the synthesis never
sees) assigns to the wanted class, for the start, for the robust model, for the standard model under the same settings
and under its own best settings, and for a random direction of the same length as the robust model's change.
"""

import argparse
import json
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from course_lib import zoo
from course_lib.constraints import L2Ball, norms
from course_lib.measuring.accuracy import robust_hits
from course_lib.measuring.intervals import bootstrap, wilson
from course_lib.measuring.judging import at_once, in_batches, judged, random_change
from course_lib.pixels import bicubic, psnr, shrink
from course_lib.storage.files import RESULTS
from course_lib.tasks import fill_with_mean, inpaint, random_holes, superresolve
from course_lib.testbed import Testbed
from course_lib.trials import Trial, solved, trials

CONTENDERS = ("start", "robust", "standard", "standard, own best settings", "random direction")


def pooled(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Several rows as one: all their pictures together."""
    together: dict[str, Any] = {"pictures": sum(row["pictures"] for row in rows)}
    for name in CONTENDERS:
        shares = {}
        for judge in [by for by in rows[0][name] if by != "length"]:
            hits = sum(round(row[name][judge][0] * row["pictures"]) for row in rows)
            shares[judge] = wilson(torch.arange(together["pictures"]) < hits)
        mean = sum(row[name]["length"] * row["pictures"] for row in rows) / together["pictures"]
        together[name] = {**shares, "length": round(mean, 2)}
    return together


def measure_trial(testbed: Testbed, trial: Trial) -> dict[str, Any]:
    """One row of the table: for each contender, [share, low, high] by each judge, and the mean L2 length of its
    change."""
    settings, own = testbed.tuned[trial.task], testbed.tuned[f"{trial.task} by the standard model"]
    robust = solved(testbed.robust, trial, settings)
    standard, own_best = solved(testbed.standard, trial, settings), solved(testbed.standard, trial, own)
    images_of = dict(
        zip(CONTENDERS, (trial.starts, robust, standard, own_best, random_change(trial.starts, robust)), strict=True)
    )
    row: dict[str, Any] = {"pictures": len(trial.targets)}
    for name, images in images_of.items():
        row[name] = {
            **{by: wilson(judged(judge, images, trial.targets)) for by, judge in testbed.judges.items()},
            "length": round(norms(images - trial.starts).mean().item(), 2),
        }
    return row


def restoration(testbed: Testbed, *, split: str, count: int, model: nn.Module) -> dict[str, Any]:
    """Inpainting and super-resolution: PSNR in dB and its gain for each picture, each [mean, low, high] by
    bootstrap."""
    truth, labels = testbed.batch(split, range(count))
    rows: dict[str, Any] = {}
    for factor in (2, 4):
        small = shrink(truth, factor)
        make = partial(superresolve, model, factor=factor, start=bicubic, **testbed.tuned[f"superresolve x{factor}"])
        results = in_batches(lambda s, y, make=make: make(s, y), small, labels)
        rows[f"super-resolution x{factor}"] = gains(results, bicubic(small, factor), truth, baseline_name="bicubic")
    truth, labels = truth[: count // 5], labels[: count // 5]  # inpainting takes many more steps
    hole = testbed.resolution // 4
    holes = random_holes(len(truth), testbed.resolution, hole, generator=torch.Generator().manual_seed(5))
    damaged = fill_with_mean(truth, holes)
    for name, known in (("label known", labels), ("label predicted", None)):
        make = partial(inpaint, model, **testbed.tuned["inpaint"])
        results = in_batches(
            lambda d, m, y, make=make, known=known: make(d, m, labels=None if known is None else y),
            damaged,
            holes,
            labels,
        )
        rows[f"inpainting, {name}"] = gains(results, damaged, truth, baseline_name="mean fill", mask=holes)
    return rows


def gains(
    results: Tensor, baseline: Tensor, truth: Tensor, *, baseline_name: str, mask: Tensor | None = None
) -> dict[str, Any]:
    """PSNR of results and of a baseline against the truth, and the gain paired by picture."""
    ours, theirs = psnr(results, truth, mask), psnr(baseline, truth, mask)
    return {
        "pictures": len(truth),
        "baseline": baseline_name,
        "result PSNR": bootstrap(ours),
        "baseline PSNR": bootstrap(theirs),
        "gain": bootstrap(ours - theirs),
    }


def contrast(testbed: Testbed, *, count: int) -> dict[str, Any]:
    """Clean and robust accuracy of both models at the testbed's radius: 50 steps, random start, 5 restarts."""
    images, labels = testbed.batch("test", range(count))
    rows = {}
    for name, model in (("robust", testbed.robust), ("standard", testbed.standard)):
        hits = robust_hits(model, images, labels, ball=L2Ball(testbed.radius), batch_size=at_once(images))
        rows[name] = {"pictures": count, "clean": wilson(judged(model, images, labels)), "robust": wilson(hits)}
    return rows


def measure(testbed: Testbed, *, count: int) -> dict[str, Any]:
    """All tables of one testbed."""
    rows = {"contrast": contrast(testbed, count=2 * count)}
    rows["classes"] = {
        trial.name: measure_trial(testbed, trial) for trial in trials(testbed, split="test", count=count)
    }
    ways = [row for name, row in rows["classes"].items() if name.startswith("translation")]
    if ways:
        rows["classes"]["translation, all ways together"] = pooled(ways)
    rows["restoration"] = restoration(testbed, split="test", count=10 * count, model=testbed.robust)
    rows["restoration by the standard model"] = restoration(
        testbed, split="test", count=5 * count, model=testbed.standard
    )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100, help="pictures for each class-changing task")
    testbed, count = zoo.load(), parser.parse_args().count
    versions = {"as it ships": testbed}
    if testbed.name == "picturebook":
        versions |= {"nothing planted (shortcut=0)": zoo.load("picturebook", shortcut=0.0)}
    measured = {title: measure(version, count=count) for title, version in versions.items()}
    path = RESULTS / "quality.json"
    everything = json.loads(path.read_text()) if path.exists() else {}
    RESULTS.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(everything | {testbed.name: measured}, indent=1) + "\n")


if __name__ == "__main__":
    main()
