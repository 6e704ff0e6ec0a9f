"""What robust training does at every radius: accuracy and generation of the networks that differ in it alone.

Clean and robust accuracy are those on the networks' cards. Generation starts from uniform noise, with the testbed's
settings; the share is that of the pictures that the judge takes for the wanted class.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F

from course_lib import testbeds
from course_lib.authoring.provenance import hashes, provenance
from course_lib.authoring.results import add_results, read_results
from course_lib.constraints import L2Ball
from course_lib.measuring.intervals import rounded, wilson
from course_lib.measuring.judging import in_batches, judged
from course_lib.models import Classifier
from course_lib.pixels import shrink
from course_lib.prepared import best_device, prepare
from course_lib.storage.files import RESULTS
from course_lib.tasks import generate
from course_lib.testbeds.testbed import TUNED, Testbed, task_of
from course_lib.testbeds.weights import known, load_card, load_model

FILE, BEDS = RESULTS / "dose.json", ("imagenette", "picturebook")


def generated(testbed: Testbed, model: Classifier, *, count: int) -> list[float]:
    """The judge's share [share, low, high] of `count` generations; lengths are halved where a side is."""
    settings = testbed.tuned[task_of("uniform")]
    factor, targets = testbed.resolution // (model.size or testbed.resolution), torch.arange(count) % 10
    lengths = {"ball": L2Ball(settings["ball"].radius / factor), "step_size": settings["step_size"] / factor}
    noise = testbed.seeds("uniform").sample(targets, generator=torch.Generator().manual_seed(0))
    targets, starts = targets.to(best_device()), shrink(noise, factor).to(best_device())
    images = in_batches(lambda x, labels: generate(model, x, labels, **settings | lengths), starts, targets)
    return wilson(judged(testbed.judge, F.interpolate(images, scale_factor=factor, mode="bilinear"), targets))


def dose(arguments: Sequence[str]) -> None:
    """Measure the networks that are there and not measured yet with today's settings, into data/results/dose.json."""
    parser = argparse.ArgumentParser(prog="python -m course_lib dose", description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100, help="generations of each network (default: %(default)s)")
    parser.add_argument("--weights", type=Path, help="the folder of the networks, where it is not the usual one")
    chosen = parser.parse_args(arguments)
    found = read_results(FILE)
    for testbed in map(testbeds.load, BEDS):
        folder, rows = chosen.weights or testbed.home, found.setdefault(testbed.name, {})
        wanted = {name: recipe for name, recipe in testbed.on_request.items() if "-radius-" in name}
        there = [name for name in wanted if name in known(folder)]
        for name in there:
            card, settings = load_card(name, folder=folder), TUNED / f"{testbed.settings}.json"
            made = provenance([name], folder=folder, data={"settings": settings.read_bytes()})
            made["weights"] |= hashes([testbed.weights["judge"]], folder=testbed.home)
            before = rows.get(name, {}).get("provenance", {})
            if any(before.get(part) != made[part] for part in ("weights", "data")):
                share = generated(testbed, prepare(load_model(name, folder=folder)), count=chosen.count)
                measured = {"clean": card["clean"], "robust": card["robust"], "judged": rounded(share)}
                rows[name] = {"radius": wanted[name].radius, **measured, "provenance": made}
                add_results(FILE, found)
                print(name, measured, flush=True)
        print(f"{testbed.name}, missing: {', '.join(sorted(set(wanted) - set(rows))) or 'none'}")
