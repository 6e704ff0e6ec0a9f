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
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from course_lib.seeds import KINDS, Seeds
from course_lib.storage.files import digest, write
from course_lib.tasks import generate
from course_lib.testbeds.testbed import Testbed, task_of
from course_lib.training.augmentation import seeded
from course_lib.training.processes import ALONE, Alone, together


def shard(
    number: int, size: int, *, model: nn.Module, seeds: Seeds, classes: int, seed: int, settings: Mapping[str, Any]
) -> tuple[Tensor, Tensor]:
    """Shard `number`: uint8 pictures (size, 3, H, W) and labels (size,). Picture i is of class i % `classes`."""
    indices = range(number * size, (number + 1) * size)
    labels = torch.tensor(indices) % classes
    generators = [seeded(seed, index, stream=0) for index in indices]
    starts = [seeds.sample(labels[i : i + 1], generator=generator) for i, generator in enumerate(generators)]
    device = best_device()
    images = solve(generate(model, torch.cat(starts).to(device), labels.to(device), **settings))
    return in_bytes(images).cpu(), labels


def fill(store: Store, how: Mapping[str, Any], processes: Alone = ALONE) -> Iterator[int]:
    """Compute this process's share of the shards that are missing; yields the number of each one when it is there."""
    for number in range(processes.number, store.shards, processes.count):
        if not store.has(number):
            store.put(number, *shard(number, store.size, **how))
            yield number


def plan(testbed: Testbed, *, role: str, kind: str, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A model, a kind of seeds and the settings tuned for it: (what `shard` needs, what a store's index says of it)."""
    model, settings = testbed.models[role], testbed.tuned[task_of(kind)]
    how = {"model": model, "seeds": testbed.seeds(kind), "classes": len(testbed.classes), "seed": seed}
    about = {"testbed": testbed.name, "model": role, "weights": fingerprint(model), "seeds": kind, "seed": seed}
    return how | {"settings": settings}, about | {"settings": {key: repr(value) for key, value in settings.items()}}


def fingerprint(model: nn.Module) -> str:
    """SHA-256 of a model's tensors, so that a store never mixes two models of one name."""
    return digest(save({key: value.cpu().contiguous() for key, value in model.state_dict().items()}))


def scores(store: Store, real: Iterable[Tensor], network: Network, features: Network) -> dict[str, Any]:
    """Judged share, Inception Score and Frechet distance of a store's pictures to `real` ones, parts in [0, 1].

    They are looked at shard by shard, so that they need not fit into memory.
    """
    device = best_device()

    def seen(by: Network, images: Tensor) -> Tensor:
        return outputs(by, images.to(device)).cpu()

    looked_at = [(seen(network, images), seen(features, images), labels) for images, labels in store.parts()]
    answers, fake, labels = (torch.cat(column) for column in zip(*looked_at, strict=True))
    return {
        "pictures": store.count,
        "judged": wilson(answers.argmax(1) == labels),
        "inception score": inception_score(nn.Identity(), answers),
        "frechet distance": frechet_distance(nn.Identity(), torch.cat([seen(features, part) for part in real]), fake),
    }


def all_scores(store: Store, testbed: Testbed, *, part: int = 100) -> dict[str, Any]:
    """The scores by the testbed's judge and, where it is at hand, by Inception, which knows other classes."""

    def real() -> Iterator[Tensor]:
        count = len(testbed.test.labels)
        return (testbed.batch("test", range(start, min(start + part, count)))[0] for start in range(0, count, part))

    judge: Any = testbed.judge
    result: dict[str, Any] = {"judge": scores(store, real(), judge, judge.features)}
    try:
        inception = load_inception().to(best_device())
    except (ModuleNotFoundError, FileNotFoundError) as error:
        return result | {"inception": f"not measured: {error}"}
    by_inception = scores(store, real(), inception, inception.features)
    return result | {"inception": {key: value for key, value in by_inception.items() if key != "judged"}}


def make(chosen: argparse.Namespace, processes: Alone) -> None:
    """Fill the store that the command line asks for, and print where it stands."""
    testbed, began = testbeds.load(chosen.testbed), time.monotonic()
    with processes.in_turn():
        how, about = plan(testbed, role=chosen.model, kind=chosen.seeds, seed=chosen.seed)
        store = Store.create(chosen.out, about, count=chosen.count, size=chosen.batch)
    done = 0
    for done, number in enumerate(fill(store, how, processes), 1):
        if processes.first:
            minutes = (time.monotonic() - began) / 60
            print(
                f"samples: shard {number} of {store.shards}, {minutes:.1f} min for {done} by this process", flush=True
            )
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
