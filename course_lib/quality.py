"""What works and how well, measured: the tables of data/results, and the settings in data/tuned.

    python -m course_lib.quality tune    choose each task's settings on validation pictures
    python -m course_lib.quality         measure them on test pictures, once, and write data/results/quality.json

Every class-changing task is measured the same way: the share of results that the judge (a network the synthesis never
sees) assigns to the wanted class, for the start, for the robust model, for the standard model under the same settings
and under its own best settings, and for a random direction of the same length as the robust model's change.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_lib import zoo
from course_lib.constraints import L2Ball, norms
from course_lib.metrics import bootstrap, judged, wilson
from course_lib.pgd import solve
from course_lib.pixels import bicubic, psnr, shrink
from course_lib.tasks import fill_with_mean, inpaint, paint, random_holes, refine, superresolve
from course_lib.training import robust_hits

RESULTS = Path(__file__).resolve().parent.parent / "data" / "results"
RADII = {
    "generate": (9.0, 12.0, 16.0),
    "generate from noise": (26.0, 32.0),  # the noise itself is some 30 long, and has to go
    "translate": (9.0, 12.0, 16.0),
}
NOISE = ("uniform", "normal")  # kinds of seeds
BATCH = 50
CONTENDERS = ("start", "robust", "standard", "standard, own best settings", "random direction")


@dataclass(frozen=True)
class Trial:
    """Starts and the classes they should turn into; `task` names the settings."""

    name: str
    task: str
    starts: Tensor
    targets: Tensor


def trials(testbed: zoo.Testbed, *, split: str, count: int) -> Iterator[Trial]:
    """The class-changing tasks: `count` generations of each kind, a third as many translations each way.

    Seeds are fitted on training pictures; their generators differ from split to split.
    """
    generator = torch.Generator().manual_seed({"validation": 1, "test": 2}[split])
    classes = len(testbed.classes)
    targets = torch.arange(count) % classes
    for kind in zoo.SEED_KINDS:
        seeds = testbed.seeds(kind).sample(targets, generator=generator)
        yield Trial(f"generation, {kind}", "generate from noise" if kind in NOISE else "generate", seeds, targets)
    wrong = (targets + 1 + torch.arange(count) // classes % (classes - 1)) % classes
    seeds = testbed.seeds("multivariate").sample(wrong, generator=generator)
    yield Trial("generation, seeds of a wrong class", "generate", seeds, targets)
    for source, target in (way for pair in testbed.pairs for way in (pair, pair[::-1])):
        indices = (getattr(testbed, split).labels == source).nonzero().squeeze(1)[: max(count // 3, 1)]
        name = f"translation, {testbed.classes[source]} to {testbed.classes[target]}"
        yield Trial(name, "translate", testbed.batch(split, indices)[0], torch.full((len(indices),), target))


def solved(model: nn.Module, trial: Trial, settings: dict[str, Any]) -> Tensor:
    """The results of one trial, computed in batches."""
    parts = zip(trial.starts.split(BATCH), trial.targets.split(BATCH), strict=True)
    return torch.cat([solve(refine(model, starts, targets, **settings)) for starts, targets in parts])


def pooled(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Several rows as one: all their pictures together."""
    together: dict[str, Any] = {"pictures": sum(row["pictures"] for row in rows)}
    for name in CONTENDERS:
        shares = {}
        for judge in ("judge", "second judge"):
            hits = sum(round(row[name][judge][0] * row["pictures"]) for row in rows)
            shares[judge] = wilson(torch.arange(together["pictures"]) < hits)
        mean = sum(row[name]["length"] * row["pictures"] for row in rows) / together["pictures"]
        together[name] = {**shares, "length": round(mean, 2)}
    return together


def random_change(starts: Tensor, results: Tensor, *, seed: int = 0) -> Tensor:
    """A control: every start moved in a random direction, as far as it was moved in `results`."""
    noise = torch.randn(starts.shape, generator=torch.Generator().manual_seed(seed))
    return (starts + noise * norms(results - starts) / norms(noise)).clamp(0, 1)


def measure_trial(testbed: zoo.Testbed, trial: Trial) -> dict[str, Any]:
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
            "judge": wilson(judged(testbed.judge, images, trial.targets)),
            "second judge": wilson(judged(testbed.second_judge, images, trial.targets)),
            "length": round(norms(images - trial.starts).mean().item(), 2),
        }
    return row


def restoration(testbed: zoo.Testbed, *, split: str, count: int, model: nn.Module) -> dict[str, Any]:
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


def in_batches(make: Any, *tensors: Tensor) -> Tensor:
    """Solve the problems that `make` states for each batch of the tensors."""
    return torch.cat([solve(make(*parts)) for parts in zip(*(tensor.split(BATCH) for tensor in tensors), strict=True)])


def contrast(testbed: zoo.Testbed, *, count: int) -> dict[str, Any]:
    """Clean and robust accuracy of both models at the testbed's radius: 50 steps, random start, 5 restarts."""
    images, labels = testbed.batch("test", range(count))
    rows = {}
    for name, model in (("robust", testbed.robust), ("standard", testbed.standard)):
        hits = robust_hits(model, images, labels, ball=L2Ball(testbed.radius))
        rows[name] = {"pictures": count, "clean": wilson(judged(model, images, labels)), "robust": wilson(hits)}
    return rows


def measure(testbed: zoo.Testbed, *, count: int) -> dict[str, Any]:
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


# --- tuning -----------------------------------------------------------------------------------------------------------


def tune(testbed: zoo.Testbed, *, count: int) -> dict[str, dict[str, Any]]:
    """Settings for every task, chosen on validation pictures: the smallest radius within 2 points of the best share."""
    found: dict[str, dict[str, Any]] = {}
    everything = list(trials(testbed, split="validation", count=count))
    for task in RADII:
        mine = [trial for trial in everything if trial.task == task]
        for model, suffix in ((testbed.robust, ""), (testbed.standard, " by the standard model")):
            found[task + suffix] = best_radius(testbed, model, mine)
            print(f"{task}{suffix}: {found[task + suffix]}", flush=True)
    found |= {"sketch": found["generate"], "refine": found["translate"]}
    found["attack"] = {"radius": testbed.radius, "steps": 50}
    found["paint"] = tune_painting(testbed, count=count)
    return found | tune_restoration(testbed, count=count)


def best_radius(testbed: zoo.Testbed, model: nn.Module, mine: list[Trial]) -> dict[str, Any]:
    """The smallest radius whose judged share, averaged over trials, is within 2 points of the best."""
    shares = {}
    for radius in RADII[mine[0].task]:
        settings = {"ball": L2Ball(radius), **schedule(radius)}
        hits = [judged(testbed.judge, solved(model, trial, settings), trial.targets).float().mean() for trial in mine]
        shares[radius] = torch.stack(hits).mean().item()
    print({radius: round(share, 3) for radius, share in shares.items()}, flush=True)
    radius = min(radius for radius, share in shares.items() if share >= max(shares.values()) - 0.02)
    return {"radius": radius, **schedule(radius)}


def schedule(radius: float) -> dict[str, Any]:
    """40 steps that can travel 2.5 radii: enough to reach the ball's surface and to move along it."""
    return {"steps": 40, "step_size": round(2.5 * radius / 40, 3)}


def tune_painting(testbed: zoo.Testbed, *, count: int) -> dict[str, Any]:
    """Feature painting: what raises a unit the most while pixels outside the mask move by at most 2/255 on average."""
    images, _ = testbed.batch("validation", range(count))
    masks = random_holes(count, testbed.resolution, testbed.resolution // 2, generator=torch.Generator().manual_seed(7))
    grid = [{"radius": radius, **schedule(radius), "weight": weight} for radius in (6.0, 9.0) for weight in (1e2, 1e3)]

    def raised(settings: dict[str, Any]) -> float:
        results = in_batches(lambda x, m: paint(testbed.robust, x, m, unit=0, **settings), images, masks)
        moved = ((results - images).abs() * (1 - masks)).sum() / (3 * (1 - masks).sum())
        gain = testbed.robust.features(results)[:, 0] - testbed.robust.features(images)[:, 0]
        return gain.mean().item() if moved <= 2 / 255 else -moved.item()

    return best_of(grid, raised, unit="in the unit")


def tune_restoration(testbed: zoo.Testbed, *, count: int) -> dict[str, dict[str, Any]]:
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
    grid = [
        {"radius": radius, **schedule(radius), "weight": weight}
        for radius in (1.0, 2.0, 4.0, 6.0)
        for weight in (100.0, 1000.0)
    ]
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
    scores = [gain(zoo.keywords(settings)) for settings in grid]
    best = max(range(len(grid)), key=scores.__getitem__)
    print(f"{grid[best]}: {scores[best]:+.3f} {unit}", flush=True)
    return grid[best]


def gain_of(results: Tensor, truth: Tensor, base: Tensor, mask: Tensor | None = None) -> float:
    return (psnr(results, truth, mask) - base).mean().item()


# --- the command ------------------------------------------------------------------------------------------------------


def percent(row: dict[str, Any], contender: str) -> str:
    return f"{100 * row[contender]['judge'][0]:.0f} ({100 * row[contender]['second judge'][0]:.0f})"


def class_table(rows: dict[str, Any]) -> str:
    """Class-changing tasks in Markdown: percent that the judge (second judge) assigns to the target."""
    lines = ["| task | n | " + " | ".join(CONTENDERS) + " |", "|---|---|" + "---|" * len(CONTENDERS)]
    for name, row in rows.items():
        lines.append(f"| {name} | {row['pictures']} | " + " | ".join(percent(row, c) for c in CONTENDERS) + " |")
    return "\n".join(lines)


def restoration_table(robust: dict[str, Any], standard: dict[str, Any]) -> str:
    """Restoration tasks in Markdown: paired PSNR gain in dB over the baseline, with its 95% interval."""
    lines = ["| task | baseline | n | robust: gain in dB | standard: gain in dB |", "|---|---|---|---|---|"]
    for name, row in robust.items():
        cells = [f"{r['gain'][0]:+.2f} [{r['gain'][1]:+.2f}, {r['gain'][2]:+.2f}]" for r in (row, standard[name])]
        lines.append(f"| {name} | {row['baseline']} | {row['pictures']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def contrast_table(rows: dict[str, dict[str, Any]]) -> str:
    """Clean and robust accuracy in Markdown, in percent with 95% intervals."""
    lines = ["| pictures | model | n | clean | robust |", "|---|---|---|---|---|"]
    for title, models in rows.items():
        for name, row in models.items():
            cells = [
                "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * value for value in row[kind])) for kind in ("clean", "robust")
            ]
            lines.append(f"| {title} | {name} | {row['pictures']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def tables(results: dict[str, Any]) -> str:
    """Everything that the README shows of one testbed."""
    parts = [contrast_table({title: rows["contrast"] for title, rows in results.items()})]
    for title, rows in results.items():
        parts += [f"**{title}**", class_table(rows["classes"])]
        parts += [restoration_table(rows["restoration"], rows["restoration by the standard model"])]
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="?", choices=("measure", "tune", "tables"), default="measure")
    parser.add_argument("--count", type=int, default=100, help="pictures for each class-changing task")
    arguments = parser.parse_args()
    testbed, path = zoo.load(), RESULTS / "quality.json"
    everything = json.loads(path.read_text()) if path.exists() else {}
    if arguments.command == "tune":
        zoo.TUNED.mkdir(parents=True, exist_ok=True)
        found = json.dumps(tune(testbed, count=arguments.count // 5), indent=2)
        (zoo.TUNED / f"{testbed.name}.json").write_text(found + "\n")
        return
    if arguments.command == "measure":
        versions = {"as it ships": testbed}
        if testbed.name == "picturebook":
            versions |= {"nothing planted (shortcut=0)": zoo.load("picturebook", shortcut=0.0)}
        everything[testbed.name] = {
            title: measure(version, count=arguments.count) for title, version in versions.items()
        }
        RESULTS.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(everything, indent=1) + "\n")
    print(tables(everything[testbed.name]))


if __name__ == "__main__":
    main()
