"""What a step of the primitive costs at 224 pixels, and what a live demo shows when.

`python -m tests.bench.bench_imagenet` writes data/results/bench-imagenet.json and prints it as a table.

Weights are random, which changes no cost. Every setting runs in a process of its own, so that its peak memory is its
own. Seconds are those on the clock, so other programs had better rest.
"""

import argparse
import json
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_lib.constraints import L2Ball
from course_lib.imagenet.networks import wrapped
from course_lib.imagenet.robustness import import_robustness
from course_lib.models import Classifier
from course_lib.pgd import Problem, step
from course_lib.prepared import prepare
from course_lib.storage.files import RESULTS, write
from course_lib.tasks import refine
from course_lib.widgets.runs import Measure, Script

DEPTHS, PRECISIONS = (18, 50), {"": torch.float32, ", bfloat16": torch.bfloat16}


def network(depth: int, precision: torch.dtype = torch.float32) -> Classifier:
    """A ResNet with random weights, ready for synthesis."""
    imagenet_models = import_robustness("robustness.imagenet_models")
    return prepare(wrapped(getattr(imagenet_models, f"resnet{depth}")(num_classes=1000)), precision=precision)


def judge() -> Classifier:
    from torchvision.models import efficientnet_b0

    return prepare(wrapped(efficientnet_b0()))


def refined(model: Classifier, batch: int, steps: int) -> Problem:
    images = torch.rand(batch, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    return refine(model, images, torch.arange(batch), ball=L2Ball(40.0), steps=steps, step_size=1.0)


def timed(work: Callable[[], object], repeats: int) -> float:
    """The median of the seconds that some work takes; a first time does not count."""
    work()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return round(statistics.median(seconds), 3)


def cost(depth: int, precision: torch.dtype, batch: int, threads: int, repeats: int) -> dict[str, float]:
    """One step for a batch, and the most memory that the process has had."""
    torch.set_num_threads(threads)
    problem = refined(network(depth, precision), batch, 1)
    seconds = timed(lambda: step(problem, problem.start), repeats)
    return {"seconds": seconds, "peak megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}


def judging(batch: int, threads: int, repeats: int) -> dict[str, float]:
    """The judge's answer to a batch."""
    torch.set_num_threads(threads)
    model, images = judge(), torch.rand(batch, 3, 224, 224)
    with torch.no_grad():
        return {"seconds": timed(lambda: model(images), repeats)}


def demo(depth: int, precision: torch.dtype, batch: int, threads: int) -> dict[str, float]:
    """A live demo, robust and standard model side by side and a judge: seconds to its first pictures (the starts), to
    the first step of both, and of each further one."""
    torch.set_num_threads(threads)
    models, eye = {name: network(depth, precision) for name in ("robust", "standard")}, judge()

    def sure(moment: Any) -> Tensor:
        return eye(moment.frame.images).softmax(1)[:, 0]

    script = Script(
        lambda: {name: refined(model, batch, 3) for name, model in models.items()},
        names=list(models),
        measures=[Measure("judge", sure)],
    )
    list(script.play({}, only_start=True))  # warm
    began, at = time.perf_counter(), []
    for update in script.play({}):
        if update.level:
            at.append(time.perf_counter() - began)
    start, _, first, second, *_ = at  # the starts are shown before any work, and again with their losses
    return {
        "seconds to the start": round(start, 3),
        "seconds to the first step": round(first, 3),
        "seconds of a further step": round(second - first, 3),
    }


def alone(function: Callable[..., dict[str, float]], *arguments: Any) -> dict[str, float]:
    """In a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def measure(*, threads: int, repeats: int) -> dict[str, Any]:
    """Everything; takes a few minutes."""
    names = {f"ResNet-{depth}{name}": (depth, precision) for depth in DEPTHS for name, precision in PRECISIONS.items()}
    return {
        "threads": threads,
        "repeats": repeats,
        "a step": {
            f"{name}, batch {batch}": alone(cost, *which, batch, threads, repeats)
            for name, which in names.items()
            for batch in (1, 8)
        },
        "the judge": {f"EfficientNet-B0, batch {batch}": alone(judging, batch, threads, repeats) for batch in (1, 8)},
        "a demo": {
            f"two {name}, batch {batch}": alone(demo, *which, batch, threads)
            for name, which in names.items()
            for batch in (1, 4)
        },
    }


def table(result: dict[str, Any]) -> str:
    """The result as text."""
    lines = [f"{result['threads']} threads, 224 px, median of {result['repeats']}; demos once"]
    for part in ("a step", "the judge", "a demo"):
        rows = result[part]
        lines += ["", f"{part:36}" + "".join(f"{key:>27}" for key in next(iter(rows.values())))]
        lines += [f"{name:36}" + "".join(f"{value:>27}" for value in row.values()) for name, row in rows.items()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9, help="more, and medians are steadier (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="of torch (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=RESULTS / "bench-imagenet.json")
    arguments = parser.parse_args()
    found = measure(threads=arguments.threads, repeats=arguments.repeats)
    write(arguments.output, (json.dumps(found, indent=1) + "\n").encode())
    print(table(found))


if __name__ == "__main__":
    main()
