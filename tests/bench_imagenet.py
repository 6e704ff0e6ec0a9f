"""What a step of the primitive costs at 224 pixels, and what a live demo shows when: `python -m tests.bench_imagenet`.

Weights are random, which changes no cost. Every setting runs in a process of its own, so that its peak memory is its
own. Where other programs use the cores, the CPU seconds of one thread tell more than the seconds on the clock.
"""

import argparse
import json
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_lib.constraints import L2Ball
from course_lib.files import RESULTS, write
from course_lib.imagenet import EfficientNet, wrapped
from course_lib.models import Classifier, prepare
from course_lib.pgd import Problem, step
from course_lib.robustness_interop import import_robustness
from course_lib.tasks import refine
from course_lib.widgets.runs import Measure, Script

DEPTHS, BATCHES = (18, 50), (1, 8)


def network(depth: int) -> Classifier:
    """A ResNet with random weights, ready for synthesis."""
    imagenet_models = import_robustness("robustness.imagenet_models")
    return prepare(wrapped(getattr(imagenet_models, f"resnet{depth}")(num_classes=1000)))


def judge() -> Classifier:
    from torchvision.models import efficientnet_b0

    model = wrapped(efficientnet_b0())
    assert isinstance(model, EfficientNet)
    return prepare(model)


def refined(model: Classifier, batch: int, steps: int) -> Problem:
    images = torch.rand(batch, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    return refine(model, images, torch.arange(batch), ball=L2Ball(40.0), steps=steps, step_size=1.0)


def timed(work: Callable[[], object], repeats: int) -> dict[str, float]:
    """The median of the seconds, and of the CPU seconds, that some work takes; a first time does not count."""
    work()
    clock, processor = [], []
    for _ in range(repeats):
        before = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - before[0])
        processor.append(time.process_time() - before[1])
    return {"seconds": round(statistics.median(clock), 3), "CPU seconds": round(statistics.median(processor), 3)}


def cost(depth: int, batch: int, threads: int, repeats: int) -> dict[str, float]:
    """One step for a batch, and the most memory that the process has had."""
    torch.set_num_threads(threads)
    problem = refined(network(depth), batch, 1)
    found = timed(lambda: step(problem, problem.start), repeats)
    return found | {"peak megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}


def judging(batch: int, threads: int, repeats: int) -> dict[str, float]:
    """The judge's answer to a batch."""
    torch.set_num_threads(threads)
    model, images = judge(), torch.rand(batch, 3, 224, 224)
    with torch.no_grad():
        return timed(lambda: model(images), repeats)


def demo(depth: int, batch: int, threads: int) -> dict[str, float]:
    """A live demo, robust and standard model side by side and a judge: seconds to its first pictures (the starts), to
    the first step, and of each further one."""
    torch.set_num_threads(threads)
    models, eye = {name: network(depth) for name in ("robust", "standard")}, judge()

    def sure(moment: Any) -> Tensor:
        return eye(moment.frame.images).softmax(1)[:, 0]

    script = Script(
        lambda: {name: refined(model, batch, 3) for name, model in models.items()},
        names=list(models),
        measures=[Measure("judge", sure)],
    )
    list(script.play({}, only_start=True))  # warm
    began, at = (time.perf_counter(), time.process_time()), []
    for update in script.play({}):
        if update.level:
            at.append((time.perf_counter() - began[0], time.process_time() - began[1]))
    start, _, first, second, *_ = at  # the starts are shown before any work, and again with their losses
    return {
        "seconds to the start": round(start[0], 3),
        "seconds to the first step": round(first[0], 3),
        "CPU seconds to the first step": round(first[1], 3),
        "CPU seconds of a further step": round(second[1] - first[1], 3),
    }


def alone(function: Callable[..., dict[str, float]], *arguments: int) -> dict[str, float]:
    """In a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="more, and medians are steadier (default: %(default)s)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="of torch (default: 1 2)")
    parser.add_argument("--output", type=Path, default=RESULTS / "bench-imagenet.json")
    arguments = parser.parse_args()
    found: dict[str, dict[str, Any]] = {}

    def row(part: str, name: str, function: Callable[..., dict[str, float]], *numbers: int) -> None:
        found.setdefault(part, {})[name] = alone(function, *numbers)
        print(f"{part}, {name}: {found[part][name]}", flush=True)
        write(arguments.output, (json.dumps(found, indent=1) + "\n").encode())

    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    for threads in arguments.threads:
        on = f"{threads} thread{'s'[: threads > 1]}"
        for depth, batch in product(DEPTHS, BATCHES):
            row("a step", f"ResNet-{depth}, batch {batch}, {on}", cost, depth, batch, threads, arguments.repeats)
        for batch in BATCHES:
            row("the judge", f"batch {batch}, {on}", judging, batch, threads, arguments.repeats)
        for depth, batch in product(DEPTHS, (1, 4)):
            row("a demo", f"two ResNet-{depth}, batch {batch}, {on}", demo, depth, batch, threads)


if __name__ == "__main__":
    main()
