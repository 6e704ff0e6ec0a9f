"""What model cards say of robustness: attacks that other people wrote, and accuracy against the radius.

python -m course_lib cards                       every robust network that ships
python -m course_lib cards cifar10-robust        one of them
python -m course_lib cards --table               measure nothing; print what the cards say

AutoAttack's standard version is APGD-CE, APGD-T, FAB-T and Square, each with the budget that its authors published;
only what one attack leaves goes to the next. They come from torchattacks, of the development group.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from typing import Any

import torchattacks
from torch import Tensor, nn

from course_lib.authoring.provenance import provenance
from course_lib.authoring.results import interval
from course_lib.authoring.results import table as markdown
from course_lib.authoring.train import Job, jobs
from course_lib.constraints import norms
from course_lib.measuring.accuracy import robust_hits
from course_lib.measuring.intervals import rounded, wilson
from course_lib.measuring.judging import at_once, judged
from course_lib.pixels import to_float
from course_lib.prepared import best_device, prepare
from course_lib.storage.files import write
from course_lib.testbeds.weights import known, load_card, load_model
from course_lib.training.recipe import BALLS

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the training radius: where the curve is measured
STEPS, QUERIES = 100, 5_000  # of each attack, as published
QUICK = ("APGD-CE", "APGD-T")
STANDARD = (*QUICK, "FAB-T", "Square")
WHOLE = "cifar10"  # the data whose networks meet the standard version, on more pictures
CURVE, MANY, FEW = 500, 500, 200  # pictures: for the curve, for the standard version, for the quick one
ROUNDING = 1e-4  # by which an attack may leave its ball


def attackers(model: nn.Module, radius: float, classes: int) -> dict[str, torchattacks.attack.Attack]:
    """Each attack by name. The loss of APGD-T is defined for four classes and more."""
    how: dict[str, Any] = {"norm": "L2", "eps": radius, "seed": 0}
    found = {"APGD-CE": torchattacks.APGD(model, steps=STEPS, loss="ce", **how)}
    if classes > 3:
        found["APGD-T"] = torchattacks.APGDT(model, steps=STEPS, n_classes=classes, **how)
    found["FAB-T"] = torchattacks.FAB(model, steps=STEPS, multi_targeted=True, n_classes=classes, **how)
    return found | {"Square": torchattacks.Square(model, n_queries=QUERIES, **how)}


def survivors(attacks: Sequence[torchattacks.attack.Attack], images: Tensor, labels: Tensor) -> Tensor:
    """Which pictures stay correctly classified under one attack after the other, (N,) booleans."""
    model, radius = attacks[0].model, attacks[0].eps
    alive = judged(model, images, labels)
    for attack in attacks:
        for part in alive.nonzero().squeeze(1).split(at_once(images)):
            attacked = attack(images[part], labels[part]).detach()
            outside = norms(attacked - images[part]).flatten() > radius * (1 + ROUNDING)
            alive[part] = judged(model, attacked, labels[part]) | outside
    return alive


def autoattack(job: Job, model: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Any]:
    """The card's row: at the radius of its `attack`, which attacks, on how many pictures, and what they leave."""
    every = attackers(model, job.radius, job.recipe.classes)
    chosen = {name: every[name] for name in (STANDARD if job.recipe.data == WHOLE else QUICK) if name in every}
    images, labels = images[: enough(job)], labels[: enough(job)]
    left = wilson(survivors([*chosen.values()], images, labels))
    return {"attacks": [*chosen], "radius": job.radius, "pictures": len(labels), "robust": left}


def enough(job: Job) -> int:
    """On how many pictures its network meets AutoAttack."""
    return MANY if job.recipe.data == WHOLE else FEW


def curve(job: Job, models: Mapping[str, nn.Module], images: Tensor, labels: Tensor) -> dict[str, Any]:
    """Accuracy under the attack of the card, at shares of the training radius and in its norm, for each model."""
    radii = [share * job.recipe.radius for share in SHARES]

    def accuracy(model: nn.Module, radius: float) -> list[float]:
        if not radius:
            return wilson(judged(model, images, labels))
        how: dict[str, Any] = {"batch_size": at_once(images), **job.testbed.attack}
        return wilson(robust_hits(model, images, labels, ball=BALLS[job.recipe.norm](radius), **how))

    lines = {role: [accuracy(model, radius) for radius in radii] for role, model in models.items()}
    return {"pictures": len(labels), "radii": radii, **lines}


def counterpart(job: Job, others: Mapping[str, Job]) -> str | None:
    """The name of the network that was trained without an attack, and differs from this one in nothing else."""
    plain = replace(job.recipe, radius=0.0, norm="l2", linear=False)
    return next((name for name, other in others.items() if other.recipe == plain), None)


def measured(job: Job, others: Mapping[str, Job], *, count: int) -> dict[str, Any]:
    """What goes on the card of one robust network."""
    other = counterpart(job, others)
    names = {"robust": job.name} | ({"standard": other} if other else {})
    models = {role: prepare(load_model(name, folder=job.testbed.home)) for role, name in names.items()}
    images, labels = (part[: max(count, enough(job))].to(best_device()) for part in job.pictures("test"))
    images = to_float(images)
    line = curve(job, models, images[:count], labels[:count]) | ({"counterpart": other} if other else {})
    witness = provenance(names.values(), folder=job.testbed.home)
    return rounded({"autoattack": autoattack(job, models["robust"], images, labels), "curve": line}) | {
        "provenance": witness | {"libraries": {**witness["libraries"], "torchattacks": version("torchattacks")}}
    }


def robust_jobs(others: Mapping[str, Job]) -> list[Job]:
    """The networks with weights here that were trained with an attack."""
    return [job for job in others.values() if job.recipe.radius and job.name in known(job.testbed.home)]


def table(cards: Sequence[Mapping[str, Any]]) -> str:
    """What the cards say, in percent with 95% intervals, for data/README.md."""
    titles = ["network", "radius", "attacks", "n", "left", "trained at", "n", *(f"{each:g}" for each in SHARES)]
    rows, share = list[list[Any]](), partial(interval, form=".1f")
    for card in cards:
        attack, line = card["autoattack"], card["curve"]
        by = "standard version" if attack["attacks"] == [*STANDARD] else " and ".join(attack["attacks"])
        row = [f"`{card['name']}`", f"{attack['radius']:g}", by, attack["pictures"], share(attack["robust"])]
        trained = f"{line['radii'][-1]:g}" + " in L-infinity" * (card["recipe"]["norm"] == "linf")
        rows += [[*row, trained, line["pictures"], *map(share, line["robust"])]]
        if "counterpart" in line:
            rows += [[f"`{line['counterpart']}`", *[""] * 5, line["pictures"], *map(share, line["standard"])]]
    return markdown(titles, rows)


def cards(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m course_lib cards", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="of robust networks (default: all that are here)")
    parser.add_argument("--table", action="store_true", help="measure nothing; print the table of the cards")
    parser.add_argument("--count", type=int, default=CURVE, help="test pictures for the curve (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    shipped, on_request = jobs()
    others = shipped | on_request
    mine = {job.name: job for job in robust_jobs(others)}
    if unknown := sorted(set(chosen.names) - set(mine)):
        parser.error(f"expected names among {', '.join(mine)}; got {', '.join(unknown)}")
    for job in [] if chosen.table else [mine[name] for name in chosen.names or mine]:
        card = load_card(job.name, folder=job.testbed.home) | measured(job, others, count=chosen.count)
        write(job.testbed.home / f"{job.name}.json", (json.dumps(card, indent=2) + "\n").encode())
        print(
            f"{job.name}: {card['autoattack']['robust'][0]:.3f} left, {card['curve']['robust'][-1][0]:.3f}", flush=True
        )
    print(table([card for name in mine if "curve" in (card := load_card(name, folder=mine[name].testbed.home))]))
