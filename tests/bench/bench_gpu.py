"""What a GPU makes of the primitive: `python -m tests.bench.bench_gpu` writes data/results/bench-gpu.json.

Generation of 60 steps at 32, 64 and 224 pixels: ours as it is, in bfloat16, with the network compiled (its passes are
captured in CUDA graphs), and both; beside it robustness and torchattacks. As in `tests.bench.bench` all take turns
within each round, and the ratios count. A quicker way that ends elsewhere is no better one, so the loss at the end is
told, too. Then CIFAR-10's robust recipe: a few of its steps are timed, and the minutes of the whole reckoned from them.

`--device cpu` rehearses all this anywhere.
"""

import argparse
import copy
import json
import statistics
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.constraints import L2Ball
from course_lib.pgd import solve
from course_lib.prepared import prepare
from course_lib.storage.files import RESULTS, write
from course_lib.tasks import refine
from course_lib.testbeds import weights
from course_lib.testbeds.cifar10 import RECIPES
from course_lib.training.loop import Run, train
from tests.bench import peers
from tests.bench.bench import RowByRow, Turn, paired, ratio, spread, timed
from tests.bench.bench_imagenet import network as resnet

MODELS = {32: "cifar10-robust", 64: "imagenette-robust", 224: None}  # at 224 a ResNet-50 of random weights
BATCHES = {32: 128, 64: 64, 224: 16}
PICTURES = 50_000  # of CIFAR-10's training part


def compiled(network: nn.Module) -> nn.Module:
    """A copy that is compiled when it is first called."""
    network = copy.deepcopy(network)
    network.compile(mode="reduce-overhead" if torch.cuda.is_available() else "default")
    return network


def turns(model: nn.Module, images: Tensor, labels: Tensor, *, steps: int) -> dict[str, Turn]:
    """Everything that is compared on one network; a turn generates the whole batch and waits for it."""
    radius = images.shape[-1] / 16
    settings: dict[str, Any] = {"steps": steps, "step_size": 2.5 * radius / steps}
    half, rows = prepare(model, precision=torch.bfloat16, device=images.device), RowByRow(model).eval()

    def finished(images: Tensor) -> Tensor:
        if images.is_cuda:
            torch.cuda.synchronize()
        return images

    def ours(network: nn.Module) -> Tensor:
        return finished(solve(refine(network, images, labels, ball=L2Ball(radius), **settings)))

    def theirs(peer: peers.Peer) -> Tensor:
        return finished(peer(rows, images, labels, radius=radius, **settings))

    return {
        "ours": partial(ours, model),
        "ours, bfloat16": partial(ours, half),
        "ours, compiled": partial(ours, compiled(model)),
        "ours, compiled, bfloat16": partial(ours, compiled(half)),
        "torchattacks": partial(theirs, peers.torchattacks_pgd),
        "robustness": partial(theirs, peers.robustness),
    }


def generation(size: int, *, device: str, batch: int, steps: int, rounds: int) -> dict[str, Any]:
    """At one size: seconds of every contender, times ours, and the mean loss where it ends."""
    torch.manual_seed(0)
    name = MODELS[size]
    model = prepare(weights.load_model(name) if name else resnet(50), device=device)
    images, labels = torch.rand(batch, 3, size, size).to(device), (torch.arange(batch) % 10).to(device)
    contenders = turns(model, images, labels, steps=steps)
    seconds = paired(contenders, rounds)
    found = {}
    for contender, turn in contenders.items():
        loss = F.cross_entropy(model(turn()), labels).item()
        found[contender] = {
            "seconds": round(statistics.median(seconds[contender]), 4),
            "times ours": ratio(seconds[contender], seconds["ours"]),
            "loss at the end": round(loss, 6),
        }
    return {"setting": f"{size} px, batch {batch}, {steps} steps, {name or 'ResNet-50'}", "contenders": found}


def training(*, device: str, batches: int) -> dict[str, Any]:
    """One epoch of CIFAR-10's robust recipe, on a few batches of noise: it has the mix of attack steps of the whole."""
    recipe = RECIPES["cifar10-robust"]
    brief = replace(recipe, epochs=1)
    count = batches * recipe.batch_size
    images, labels = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8), torch.arange(count) % 10

    def epoch() -> None:
        list(train(brief, images, labels, run=Run(brief, device)))

    epoch()  # warm up
    seconds = timed(epoch)[0] / batches
    steps = recipe.epochs * ((PICTURES - recipe.validation) // recipe.batch_size)
    return {"milliseconds a step": round(1000 * seconds, 2), "steps": steps, "minutes": round(steps * seconds / 60, 1)}


def table(result: dict[str, Any]) -> str:
    """The result as text."""
    lines = [f"{result['device']}, torch {result['torch']}, {result['rounds']} rounds, median [quartiles]"]
    for measured in result["generation"]:
        lines += ["", measured["setting"], f"{'':28}{'seconds':>10}{'times ours':>24}{'loss at the end':>18}"]
        for name, row in measured["contenders"].items():
            lines.append(
                f"{name:28}{row['seconds']:>10.3f}{spread(row['times ours']):>24}{row['loss at the end']:>18.4f}"
            )
    return "\n".join([*lines, "", f"training cifar10-robust: {result['training']}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=60, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=9, help="default: %(default)s")
    parser.add_argument("--batch", type=int, help="default: 128, 64 and 16 pictures at 32, 64 and 224 pixels")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(MODELS), help="default: 32 64 224")
    parser.add_argument("--training-batches", type=int, default=120, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=RESULTS / "bench-gpu.json")
    arguments = parser.parse_args()
    device = arguments.device
    if device == "cuda" and not torch.cuda.is_available():
        parser.error("expected an NVIDIA GPU, found none; `--device cpu` rehearses without one")
    settings = {"device": device, "steps": arguments.steps, "rounds": arguments.rounds}
    result = {
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "torch": torch.__version__.split("+")[0],
        "rounds": arguments.rounds,
        "generation": [
            generation(size, batch=arguments.batch or BATCHES[size], **settings) for size in arguments.sizes
        ],
        "training": training(device=device, batches=arguments.training_batches),
    }
    write(arguments.output, (json.dumps(result, indent=2) + "\n").encode())
    print(table(result))


if __name__ == "__main__":
    main()
