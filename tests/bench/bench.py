"""Measure speed: `make bench` writes data/results/bench.json and prints it as a table.

Absolute times mean little on another machine, or while other programs run. So all contenders take turns within each
round, in an order by lot, every round gives ratios of its own, and the table shows the median of these ratios with
their quartiles. A turn is 20 steps long, so that what an attack does once (copies, checks, a model's wrapper) does not
count.

The unit is one plain forward and backward pass to the input of the network as it was trained: what a gradient costs.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from course_lib import testbeds
from course_lib.authoring.provenance import provenance
from course_lib.constraints import L2Ball
from course_lib.datasets.picturebook import PictureBook
from course_lib.imagenet.networks import wrapped
from course_lib.measuring.judging import judged
from course_lib.models import Classifier
from course_lib.pgd import Problem, solve
from course_lib.prepared import prepare
from course_lib.seeds import JITTER, MultivariateNormal
from course_lib.storage.files import RESULTS, write
from course_lib.tasks import refine
from course_lib.testbeds import Testbed
from course_lib.testbeds.weights import load_model
from course_lib.training.recipe import Recipe
from course_lib.widgets import Player, controls
from tests.bench import made_class, peers
from tests.bench.latency import latency
from tests.bench.memory import memory
from tests.tools import lab, programs
from tests.tools.engine import Engine

STEPS = 20  # a turn
LENGTHS, CONVINCED = (4, 6, 8, 10, 15, 20, 30, 40, 60), 0.9  # steps to try; the share that a judge has to see
TARGETS = {  # ours on the prepared network: at most this share of a plain pass, and at least so many times faster than
    "plain pass": 0.75,
    "torchattacks": 1.2,
    "robustness": 1.3,
    "robustness, custom loss": 1.8,
    "foolbox": 1.6,
}
PEERS: dict[str, peers.Peer] = {
    "torchattacks": peers.torchattacks_pgd,
    "robustness": peers.robustness,
    "robustness, custom loss": peers.robustness_custom_loss,
    "foolbox": peers.foolbox_pgd,
}
Turn = Callable[[], object]


# --- one step of projected gradient descent ---------------------------------------------------------------------------


def networks() -> Iterator[tuple[str, nn.Module, Tensor, Tensor]]:
    """(name, network in evaluation mode, images, labels) of the two settings; any weights take the same time."""
    torch.manual_seed(0)
    picturebook = Recipe(data="picturebook").build().eval()
    yield "PictureBook network, 64 px, batch 8", picturebook, torch.rand(8, 3, 64, 64), torch.arange(8)
    resnet = torchvision.models.resnet18(weights=None).eval()
    yield "ResNet-18, 112 px, batch 4", resnet, torch.rand(4, 3, 112, 112), torch.arange(4)


def plain_passes(model: nn.Module, images: Tensor, labels: Tensor) -> None:
    """The unit: gradients of the loss with respect to the images, and nothing else."""
    for _ in range(STEPS):
        x = images.detach().requires_grad_()
        torch.autograd.grad(F.cross_entropy(model(x), labels), x)


def ours(model: nn.Module, images: Tensor, labels: Tensor) -> None:
    solve(refine(model, images, labels, ball=L2Ball(3.0), steps=STEPS, step_size=0.5))


def theirs(peer: peers.Peer, model: nn.Module, images: Tensor, labels: Tensor) -> None:
    peer(model, images, labels, radius=3.0, steps=STEPS, step_size=0.5)
    model.zero_grad(set_to_none=True)  # foolbox leaves gradients in the parameters


class Contiguous(torch.autograd.Function):
    """The identity, whose gradient is laid out row by row."""

    @staticmethod
    def forward(context: Any, images: Tensor) -> Tensor:
        return images.view_as(images)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return gradient.contiguous()


class RowByRow(nn.Module):
    """For peers that call `.view` on a gradient: a channels-last network returns it in another memory order."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network(Contiguous.apply(images))


def turns(model: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Turn]:
    """Everything that is compared on one network."""
    both = {"raw": model, "prepared": prepare(model, device="cpu")}
    contenders: dict[str, Turn] = {"plain pass": partial(plain_passes, model, images, labels)}
    contenders |= {f"ours, {kind}": partial(ours, network, images, labels) for kind, network in both.items()}
    half = prepare(model if isinstance(model, Classifier) else wrapped(model), precision=torch.bfloat16, device="cpu")
    contenders["ours, bfloat16"] = partial(ours, half, images, labels)
    for name, peer in PEERS.items():
        for kind, network in both.items():
            rows = RowByRow(network).eval() if kind == "prepared" else network
            contenders[f"{name}, {kind}"] = partial(theirs, peer, rows, images, labels)
    return contenders


def paired(contenders: Mapping[str, Turn], rounds: int) -> dict[str, list[float]]:
    """Seconds a turn of each contender, one for each round; the order of turns is drawn anew each time, because whoever
    always came after the same one would inherit its caches and its heap."""
    names, dice = list(contenders), random.Random(0)
    for name in names:
        contenders[name]()  # warm up
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        dice.shuffle(names)
        for name in names:
            seconds[name].append(timed(contenders[name])[0])
    return seconds


def steps(model: nn.Module, images: Tensor, labels: Tensor, *, rounds: int) -> dict[str, Any]:
    """One step of every contender in plain passes, and how many times longer than ours it takes."""
    seconds = paired(turns(model, images, labels), rounds)
    mine, unit = seconds["ours, prepared"], seconds["plain pass"]
    return {
        "milliseconds of a plain pass": round(1000 * statistics.median(unit) / STEPS, 1),
        "cost in plain passes": {name: ratio(values, unit) for name, values in seconds.items()},
        "times ours": {name: ratio(values, mine) for name, values in seconds.items()},
    }


def ratio(above: list[float], below: list[float]) -> list[float]:
    """[median, lower quartile, upper quartile] of the ratios of each round."""
    return quartiles([a / b for a, b in zip(above, below, strict=True)], digits=3)


def quartiles(values: list[float], *, digits: int) -> list[float]:
    """[median, lower quartile, upper quartile]"""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return [round(value, digits) for value in (middle, low, high)]


# --- until a picture convinces ----------------------------------------------------------------------------------------


def pictures(*, rounds: int, testbed: Testbed | None = None) -> dict[str, Any]:
    """The seconds for one picture that convinces a judge, by each library: same network, starts, radius, step size.

    Each takes the fewest of `LENGTHS` after which the judge sees the class in a share `CONVINCED` of the pictures.
    Ours computes with the prepared network, the others with the network as it is. One thread, one picture at a time.
    """
    testbed = testbed or testbeds.load("imagenette-128")
    raw = load_model(testbed.weights["robust"], folder=testbed.home)
    labels = torch.arange(len(testbed.classes))
    starts = testbed.seeds("multivariate").sample(labels, generator=torch.Generator().manual_seed(0))
    radius = testbed.tuned["generate"]["ball"].radius
    how = {"radius": radius, "step_size": radius / 6}
    found: dict[str, dict[str, Any]] = {}
    runs: dict[str, Turn] = {}
    for name, peer in {"ours": our_peer, **PEERS}.items():
        run = partial(peer, prepare(raw, device="cpu") if name == "ours" else raw, **how)
        found[name] = first_convincing(run, testbed.judge, starts, labels)
        runs[name] = partial(run, starts[:1], labels[:1], steps=found[name]["steps"])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        seconds = paired(runs, rounds)
    finally:
        torch.set_num_threads(threads)
    return {
        "setting": f"{testbed.name}, {len(starts)} multivariate starts, radius {radius:g}, steps of {radius / 6:g}",
        "by": {name: {**row, "seconds": quartiles(seconds[name], digits=3)} for name, row in found.items()},
    }


def our_peer(
    model: nn.Module, images: Tensor, labels: Tensor, *, radius: float, steps: int, step_size: float
) -> Tensor:
    return solve(refine(model, images, labels, ball=L2Ball(radius), steps=steps, step_size=step_size))


def first_convincing(run: Callable[..., Tensor], judge: nn.Module, starts: Tensor, labels: Tensor) -> dict[str, Any]:
    """The fewest steps after which enough pictures convince the judge, and their share; else the most steps."""
    for steps in LENGTHS:
        share = judged(judge, run(starts, labels, steps=steps).detach(), labels).float().mean().item()
        if share >= CONVINCED:
            break
    return {"steps": steps, "judged": round(share, 3)}


# --- seeds ------------------------------------------------------------------------------------------------------------


def seeds(*, size: int = 56, count: int = 500, samples: int = 10) -> dict[str, Any]:
    """The same distribution, one class, fitted and sampled by ours and by `torch.distributions.MultivariateNormal`.

    The latter needs the d x d covariance and its Cholesky factor, in double precision, as rounding in single precision
    is of the size of the jitter. Measured once: it takes long.
    """
    book = PictureBook("train", size=size)
    indices = (book.labels == 0).nonzero().squeeze(1)[:count]
    images, labels = book.images(indices), torch.zeros(len(indices), dtype=torch.long)
    wanted = torch.zeros(samples, dtype=torch.long)

    def dense() -> torch.distributions.MultivariateNormal:
        rows = images.flatten(1).double() / 255
        centred = rows - rows.mean(0)
        covariance = (centred.T @ centred / len(rows)).add_(JITTER**2 * torch.eye(rows.shape[1], dtype=rows.dtype))
        return torch.distributions.MultivariateNormal(rows.mean(0), covariance, validate_args=False)

    their_fit, theirs_fitted = timed(dense)
    their_sample, _ = timed(lambda: theirs_fitted.sample((samples,)))
    our_fit, ours_fitted = timed(lambda: MultivariateNormal(images, labels))
    our_sample, _ = timed(lambda: ours_fitted.sample(wanted, generator=torch.Generator().manual_seed(0)))
    values = images[0].numel()
    return {
        "setting": f"{size} x {size} pixels, {values} values, {len(images)} pictures, {samples} samples",
        "seconds, torch.distributions": {"fit": round(their_fit, 3), "sample": round(their_sample, 4)},
        "seconds, ours": {"fit": round(our_fit, 4), "sample": round(our_sample, 4)},
        "times faster": round((their_fit + their_sample) / (our_fit + our_sample)),
        "megabytes, torch.distributions": round(2 * 8 * values**2 / 1e6),  # covariance and factor
        "megabytes, ours": round((images.numel() + 4 * values) / 1e6, 1),  # bytes of the pictures, floats of the mean
    }


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """(seconds, result)"""
    started = time.perf_counter()
    result = function()
    return time.perf_counter() - started, result


# --- the player -------------------------------------------------------------------------------------------------------


def player(*, repeats: int) -> dict[str, Any]:
    """From moving a slider to the first picture, and to the first one that is a step on; two models, four pictures.

    Measured in the kernel, up to the widget's new value; the browser's part is measured by its tests.
    """
    torch.manual_seed(0)
    models = {name: prepare(Recipe(data="picturebook").build(), device="cpu") for name in ("robust", "standard")}
    images, labels = torch.rand(4, 3, 64, 64), torch.arange(4)

    def make(epsilon: float) -> dict[str, Problem]:
        settings: dict[str, Any] = {"ball": L2Ball(epsilon), "steps": 60, "step_size": 0.5}
        return {name: refine(model, images, labels, **settings) for name, model in models.items()}

    shown = Player(make, epsilon=controls.epsilon(3.0, high=40.0))
    pictures: list[float] = []
    two = threading.Event()

    def note(_: object) -> None:
        pictures.append(time.perf_counter())
        if len(pictures) == 2:
            two.set()

    shown._screen.images["standard"].observe(note, "value")  # the second of the two models
    first, second = [], []
    for number in range(repeats):
        shown.run()
        shown.wait()
        pictures.clear()
        two.clear()
        started = time.perf_counter()
        shown.controls["epsilon"].value = 4.0 + number
        assert two.wait(60), "the player shows no pictures"
        first.append(1000 * (pictures[0] - started))
        second.append(1000 * (pictures[1] - started))
        shown.stop()
    return {
        "setting": "two PictureBook networks, 64 px, 4 pictures each, without a browser",
        "milliseconds to the first picture": quartiles(first, digits=1),
        "milliseconds to the first step shown": quartiles(second, digits=1),
    }


# --- the live page ----------------------------------------------------------------------------------------------------


def in_browser(*, rounds: int) -> dict[str, Any]:
    """A step of the live page's networks, one picture on one thread: the page's engine in Chromium beside PyTorch."""
    result: dict[str, Any] = {"setting": "a step for one picture on one thread, in Chromium and with PyTorch"}
    path = programs.chromium()
    if path is None:
        return {"setting": programs.NO_CHROMIUM}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with lab.chromium(path) as chromium:
        engine = Engine(chromium.new_page()).start()
        for name in ("imagenette-128-robust", "imagenette-radius-3"):
            model, label = load_model(name), torch.tensor([0])
            start = torch.rand(1, 3, model.size or 0, model.size or 0, generator=torch.Generator().manual_seed(0))
            engine.load(name)
            given = {"start": start, "ball": {"norm": "l2", "radius": 3}, "stepSize": 0.5, "label": 0, "every": STEPS}
            contenders = {"the browser": partial(engine.frames, name, steps=STEPS - 1, **given)}
            for kind, network in {"PyTorch": model, "PyTorch, prepared": prepare(model, device="cpu")}.items():
                contenders[kind] = partial(ours, network, start, label)
            seconds = paired(contenders, rounds)
            for kind, values in seconds.items():
                each = [1000 * value / STEPS for value in values]
                result[f"{name}, milliseconds by {kind}"] = quartiles(each, digits=1)
            for kind in ("PyTorch", "PyTorch, prepared"):
                result[f"{name}, times {kind}"] = ratio(seconds["the browser"], seconds[kind])
    torch.set_num_threads(threads)
    return result


# --- an import --------------------------------------------------------------------------------------------------------

IMPORT = """
import importlib, os, re, sys
importlib.import_module(sys.argv[1])
peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())
print(sum(os.times()[:2]), int(peak[1]) / 1024)
"""


def imports(*, repeats: int = 5) -> dict[str, Any]:
    """What importing the testbeds costs beside torch alone: each in fresh processes, in turn."""
    costs: dict[str, list[list[float]]] = {"torch": [], "course_lib.testbeds": []}
    for _ in range(repeats):
        for name, found in costs.items():
            command = [sys.executable, "-c", IMPORT, name]
            ran = subprocess.run(command, capture_output=True, text=True, check=True)
            found.append([float(number) for number in ran.stdout.split()])
    (torch_seconds, torch_memory), (seconds, memory) = (
        [statistics.median(column) for column in zip(*found, strict=True)] for found in costs.values()
    )
    return {
        "setting": f"course_lib.testbeds beside torch alone, median of {repeats} processes",
        "seconds of a processor": [round(torch_seconds, 2), round(seconds, 2)],
        "peak megabytes": [round(torch_memory), round(memory)],
        "times the seconds": round(seconds / torch_seconds, 2),
        "times the memory": round(memory / torch_memory, 2),
    }


# --- the whole --------------------------------------------------------------------------------------------------------


PARTS: dict[str, Callable[[int], dict[str, Any]]] = {
    "steps": lambda rounds: {name: steps(*setting, rounds=rounds) for name, *setting in networks()},
    "pictures": lambda rounds: pictures(rounds=rounds),
    "seeds": lambda rounds: seeds(),
    "player": lambda rounds: player(repeats=max(rounds, 5)),
    "imports": lambda rounds: imports(),
    "browser": lambda rounds: in_browser(rounds=rounds),
    "grading": lambda rounds: made_class.graded(),
    "memory": lambda rounds: memory(),
    "latency": lambda rounds: latency(),
}


def measure(parts: Sequence[str] = tuple(PARTS), *, rounds: int) -> dict[str, Any]:
    """These parts, by default everything, which takes a few minutes."""
    libraries = ("torch", "torchvision", "torchattacks", "foolbox", "robustness")
    return {
        "versions": {library: version(library).split("+")[0] for library in libraries},
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "rounds": rounds,
        "steps a turn": STEPS,
        "targets": TARGETS,
        **{part: PARTS[part](rounds) for part in parts},
    }


def table(result: dict[str, Any]) -> str:
    """The result as text: every contender's cost, and whether ours reaches its targets."""
    lines = [
        f"{result['threads']} threads, {result['rounds']} rounds of {result['steps a turn']} steps, median [quartiles]"
    ]
    for name, measured in result["steps"].items():
        lines += ["", f"{name}: a plain pass takes {measured['milliseconds of a plain pass']} ms", ""]
        lines += [f"{'one step of':34}{'in plain passes':>24}{'times ours':>24}  target"]
        for contender, cost in measured["cost in plain passes"].items():
            times = measured["times ours"][contender]
            lines.append(
                f"{contender:34}{spread(cost):>24}{spread(times):>24}  {verdict(contender, cost, times)}".rstrip()
            )
    if "pictures" in result:
        lines += picture_lines(result["pictures"])
    for part in ("seeds", "player", "imports", "browser", "grading", "memory", "latency"):
        if part not in result:
            continue
        lines += ["", f"{part}: {result[part]['setting']}"]
        lines += [f"  {key}: {value}" for key, value in result[part].items() if key != "setting"]
    return "\n".join(lines)


def picture_lines(measured: dict[str, Any]) -> list[str]:
    """Steps and seconds until a picture convinces."""
    lines = ["", f"until a picture convinces: {measured['setting']}; one thread", ""]
    lines += [f"{'by':34}{'steps':>8}{'judged':>10}{'seconds for one picture':>28}"]
    for name, row in measured["by"].items():
        lines += [f"{name:34}{row['steps']:>8}{row['judged']:>10.0%}{spread(row['seconds']):>28}"]
    return lines


def spread(values: list[float]) -> str:
    return "{:.2f} [{:.2f}, {:.2f}]".format(*values)


def verdict(contender: str, cost: list[float], times: list[float]) -> str:
    """Where a row belongs to a target: the target, and whether it is met."""
    if contender == "ours, prepared":
        return f"at most {TARGETS['plain pass']}: {'met' if cost[0] <= TARGETS['plain pass'] else 'MISSED'}"
    name, _, kind = contender.rpartition(", ")
    if kind != "raw" or name not in TARGETS:
        return ""
    return f"at least {TARGETS[name]}: {'met' if times[0] >= TARGETS[name] else 'MISSED'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="more rounds, steadier medians (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=RESULTS / "bench.json", help="default: data/results/bench.json")
    parser.add_argument("--only", choices=PARTS, help="measure one part anew and keep the others")
    arguments = parser.parse_args()
    if arguments.only:
        kept = json.loads(arguments.output.read_text())
        result = kept | {arguments.only: PARTS[arguments.only](arguments.rounds)}
    else:
        result = measure(rounds=arguments.rounds)
    result |= {"provenance": provenance(["imagenette-128-robust", "imagenette-judge"])}
    write(arguments.output, (json.dumps(result, indent=2) + "\n").encode())
    print(table(result))


if __name__ == "__main__":
    main()
