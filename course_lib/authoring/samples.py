"""Many generated pictures in one store, for the Inception Score and the FID (Santurkar et al. 2019, section 3.1).

    python -m course_lib samples --testbed cifar10 --count 1000 --out FOLDER                 in one process
    accelerate launch -m course_lib samples --testbed cifar10 --count 50000 --out FOLDER     on all GPUs of this machine
    python -m course_lib samples --out FOLDER --scores                                       what is there, measured

Every picture depends on its random seed and its index alone, and is solved in the same batch with the same neighbours.
So the store is the same however many processes made it and wherever they were killed. Started again, it goes on.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from course_lib import testbeds
from course_lib.authoring.provenance import of_testbed
from course_lib.authoring.store import Store
from course_lib.measuring.inception import in_bytes, load_inception
from course_lib.measuring.intervals import rounded, wilson
from course_lib.measuring.judging import Network, outputs
from course_lib.measuring.scores import frechet_distance, inception_score
from course_lib.pgd import solve
from course_lib.prepare import best_device
from course_lib.seeds import KINDS
from course_lib.storage.files import digest, write
from course_lib.tasks import generate
from course_lib.testbeds.testbed import Testbed, task_of
from course_lib.training.augmentation import seeded
from course_lib.training.processes import Alone, together


def shard(number: int, testbed: Testbed, chosen: argparse.Namespace) -> tuple[Tensor, Tensor]:
    """Shard `number`: uint8 pictures (batch, 3, H, W) and labels (batch,). Picture i is of class i % classes."""
    indices = range(number * chosen.batch, (number + 1) * chosen.batch)
    labels, seeds = torch.tensor(indices) % len(testbed.classes), testbed.seeds(chosen.seeds)
    starts = [
        seeds.sample(label[None], generator=seeded(chosen.seed, index, stream=0))
        for index, label in zip(indices, labels, strict=True)
    ]
    model, settings, device = testbed.models[chosen.model], testbed.tuned[task_of(chosen.seeds)], best_device()
    images = solve(generate(model, torch.cat(starts).to(device), labels.to(device), **settings))
    return in_bytes(images).cpu(), labels


def about(testbed: Testbed, chosen: argparse.Namespace) -> dict[str, Any]:
    """All that decides a store's pictures; of the model a hash of its tensors, so that two of one name never mix."""
    tensors = {key: value.cpu().contiguous() for key, value in testbed.models[chosen.model].state_dict().items()}
    return {
        "testbed": testbed.name,
        "model": chosen.model,
        "weights": digest(save(tensors)),
        "seeds": chosen.seeds,
        "seed": chosen.seed,
        "settings": {key: repr(value) for key, value in testbed.tuned[task_of(chosen.seeds)].items()},
    }


def scores(store: Store, testbed: Testbed, network: Any, *, part: int = 100) -> dict[str, Any]:
    """Judged share, Inception Score and Frechet distance of a store's pictures to test pictures, by a network.

    They are looked at part by part, so that they need not fit into memory.
    """
    features: Network = network.features

    def seen(by: Network, images: Tensor) -> Tensor:
        return outputs(by, images.to(best_device())).cpu()

    looked_at = [(seen(network, images), seen(features, images), labels) for images, labels in store.parts()]
    answers, fake, labels = (torch.cat(column) for column in zip(*looked_at, strict=True))
    places = torch.arange(len(testbed.test.labels)).split(part)
    real = torch.cat([seen(features, testbed.batch("test", rows)[0]) for rows in places])
    return {
        "pictures": store.count,
        "judged": wilson(answers.argmax(1) == labels),
        "inception score": inception_score(nn.Identity(), answers),
        "frechet distance": frechet_distance(nn.Identity(), real, fake),
    }


def all_scores(store: Store, testbed: Testbed, *, part: int = 100) -> dict[str, Any]:
    """The scores by the testbed's judge and, where it is at hand, by Inception, which knows other classes."""
    result: dict[str, Any] = {"judge": scores(store, testbed, testbed.judge, part=part)}
    try:
        inception = load_inception().to(best_device())
    except (ModuleNotFoundError, FileNotFoundError) as error:
        return result | {"inception": f"not measured: {error}"}
    by_inception = scores(store, testbed, inception, part=part)
    return result | {"inception": {key: value for key, value in by_inception.items() if key != "judged"}}


def make(chosen: argparse.Namespace, processes: Alone) -> None:
    """Compute this process's share of the shards that the command line asks for and that are missing."""
    testbed, began, done = testbeds.load(chosen.testbed), time.monotonic(), 0
    with processes.in_turn():
        testbed.seeds(chosen.seeds)  # the first time, pictures may be read for them
        store = Store.create(chosen.out, about(testbed, chosen), count=chosen.count, size=chosen.batch)
    for number in range(processes.number, store.shards, processes.count):
        if store.has(number):
            continue
        store.put(number, *shard(number, testbed, chosen))
        done += 1
        if processes.first:
            spent = f"{(time.monotonic() - began) / 60:.1f} min for {done} by this process"
            print(f"samples: shard {number} of {store.shards}, {spent}", flush=True)
    print(f"samples: process {processes.number} of {processes.count} is done, {done} shards are new", flush=True)


def score(chosen: argparse.Namespace) -> None:
    """Write the scores of a store into it, and print them. ValueError where it is of another testbed."""
    store, testbed = Store.open(chosen.out), testbeds.load(chosen.testbed)
    if store.about["testbed"] != testbed.name:
        raise ValueError(f"expected pictures of {testbed.name}, got {store.about['testbed']}'s: choose with --testbed")
    made = {"provenance": of_testbed(testbed, split="test")}
    found = json.dumps(rounded(all_scores(store, testbed)) | made, indent=1) + "\n"
    write(chosen.out / "scores.json", found.encode())
    print(found, end="")


def samples(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m course_lib samples", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, required=True, help="the store's folder, seen by all processes")
    parser.add_argument("--testbed", default=None, help="default: the one that TESTBED names, else picturebook")
    parser.add_argument("--count", type=int, help="how many pictures; a store can grow")
    parser.add_argument("--model", choices=("robust", "standard"), default="robust")
    parser.add_argument("--seeds", choices=KINDS, default="multivariate")
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=100, help="pictures in a batch and a shard (default: %(default)s)")
    parser.add_argument("--scores", action="store_true", help="measure the store, and write scores.json into it")
    chosen = parser.parse_args(arguments)
    if chosen.count is None and not chosen.scores:
        parser.error("expected --count, --scores or both")
    with together() as processes:
        if chosen.count is not None:
            make(chosen, processes)
        first = processes.first
    if chosen.scores and first:
        score(chosen)
