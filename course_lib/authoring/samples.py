"""Many generated pictures in one store, for the Inception Score and the FID (Santurkar et al. 2019, section 3.1).

    python -m course_lib samples --testbed cifar10 --count 1000 --out FOLDER                 in one process
    accelerate launch -m course_lib samples --testbed cifar10 --count 50000 --out FOLDER     on all GPUs of this machine
    python -m course_lib samples --out FOLDER --scores                                       what is there, measured

A store is a folder of shards: 00000.safetensors has uint8 images and labels, 00000.json their SHA-256 and all that
decides them, and so on. Every picture depends on its random seed and its index alone, and is solved in the same batch
with the same neighbours. So the store is the same however many processes made it and wherever they were killed.
Started again, it goes on; with a larger count, it grows.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from course_lib import testbeds
from course_lib.authoring.provenance import of_testbed
from course_lib.measuring.inception import in_bytes, load_inception
from course_lib.measuring.intervals import rounded, wilson
from course_lib.measuring.judging import Network, outputs
from course_lib.measuring.scores import frechet_distance, inception_score
from course_lib.pgd import solve
from course_lib.pixels import to_float
from course_lib.prepared import best_device
from course_lib.seeds import KINDS
from course_lib.storage.files import digest, load_tensors, save_tensors, write
from course_lib.tasks import generate
from course_lib.testbeds.testbed import Testbed, task_of
from course_lib.training.augmentation import seeded
from course_lib.training.processes import Alone, together


def shard(number: int, testbed: Testbed, chosen: argparse.Namespace) -> dict[str, Tensor]:
    """Shard `number`: uint8 images (batch, 3, H, W) and labels (batch,). Picture i is of class i % classes."""
    indices = range(number * chosen.batch, (number + 1) * chosen.batch)
    labels, seeds = torch.tensor(indices) % len(testbed.classes), testbed.seeds(chosen.seeds)
    starts = [
        seeds.sample(label[None], generator=seeded(chosen.seed, index, stream=0))
        for index, label in zip(indices, labels, strict=True)
    ]
    model, settings, device = testbed.models[chosen.model], testbed.tuned[task_of(chosen.seeds)], best_device()
    images = solve(generate(model, torch.cat(starts).to(device), labels.to(device), **settings))
    return {"images": in_bytes(images).cpu(), "labels": labels}


def about(testbed: Testbed, chosen: argparse.Namespace) -> dict[str, Any]:
    """All that decides a store's pictures; of the model a hash of its tensors, so that two of one name never mix."""
    tensors = {key: value.cpu().contiguous() for key, value in testbed.models[chosen.model].state_dict().items()}
    names = {name: getattr(chosen, name) for name in ("model", "seeds", "seed", "batch")}
    settings = {key: repr(value) for key, value in testbed.tuned[task_of(chosen.seeds)].items()}
    return {"testbed": testbed.name, "weights": digest(save(tensors)), "settings": settings, **names}


def stored(path: Path, of: Mapping[str, Any]) -> dict[str, Tensor] | None:
    """A shard's images and labels; None where it is missing or damaged, ValueError where it is of other pictures."""
    try:
        tensors, card = load_tensors(path)
    except (OSError, ValueError):
        return None
    if (kind := card["of"]) != of:
        raise ValueError(f"expected pictures of {of} in {path.parent}, got those of {kind}: choose another folder")
    return tensors


def parts(folder: Path) -> Iterator[tuple[Tensor, Tensor]]:
    """Pictures in [0, 1] and labels, shard by shard. ValueError where one is missing or not sound."""
    of = kind_of(folder)
    for number in range(len([*folder.glob("[0-9]*.json")])):
        if (tensors := stored(folder / f"{number:05d}", of)) is None:
            what = f"expected whole shards in {folder}, number {number} is missing or damaged"
            raise ValueError(f"{what}: start the command that makes them again, and it makes this one")
        yield to_float(tensors["images"]), tensors["labels"]


def kind_of(folder: Path) -> dict[str, Any]:
    """What a store's first shard says of its pictures. FileNotFoundError where there is no store."""
    path = folder / "00000.json"
    if not path.exists():
        raise FileNotFoundError(f"expected a store of pictures in {folder}, found no {path.name}")
    kind: dict[str, Any] = json.loads(path.read_text())["of"]
    return kind


def scores(store: Path, testbed: Testbed, network: Any, *, part: int = 100) -> dict[str, Any]:
    """Judged share, Inception Score and Frechet distance of a store's pictures to test pictures, by a network.

    They are looked at part by part, so that they need not fit into memory.
    """
    features: Network = network.features

    def seen(by: Network, images: Tensor) -> Tensor:
        return outputs(by, images.to(best_device())).cpu()

    looked_at = [(seen(network, images), seen(features, images), labels) for images, labels in parts(store)]
    answers, fake, labels = (torch.cat(column) for column in zip(*looked_at, strict=True))
    places = torch.arange(len(testbed.test.labels)).split(part)
    real = torch.cat([seen(features, testbed.batch("test", rows)[0]) for rows in places])
    return {
        "pictures": len(labels),
        "judged": wilson(answers.argmax(1) == labels),
        "inception score": inception_score(nn.Identity(), answers),
        "frechet distance": frechet_distance(nn.Identity(), real, fake),
    }


def all_scores(store: Path, testbed: Testbed, *, part: int = 100) -> dict[str, Any]:
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
    of, shards = about(testbed, chosen), math.ceil(chosen.count / chosen.batch)
    stored(chosen.out / "00000", of)  # refuses the folder of other pictures
    for number in range(processes.number, shards, processes.count):
        path = chosen.out / f"{number:05d}"
        if stored(path, of) is not None:
            continue
        save_tensors(path, shard(number, testbed, chosen), {"of": of})
        done += 1
        if processes.first:
            spent = f"{(time.monotonic() - began) / 60:.1f} min for {done} by this process"
            print(f"samples: shard {number} of {shards}, {spent}", flush=True)
    print(f"samples: process {processes.number} of {processes.count} is done, {done} shards are new", flush=True)


def score(chosen: argparse.Namespace) -> None:
    """Write the scores of a store into it, and print them. ValueError where it is of another testbed."""
    name, testbed = kind_of(chosen.out)["testbed"], testbeds.load(chosen.testbed)
    if name != testbed.name:
        raise ValueError(f"expected pictures of {testbed.name}, got {name}'s: choose with --testbed")
    made = {"provenance": of_testbed(testbed, split="test")}
    found = json.dumps(rounded(all_scores(chosen.out, testbed)) | made, indent=1) + "\n"
    write(chosen.out / "scores.json", found.encode())
    print(found, end="")


def samples(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m course_lib samples", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, required=True, help="the store's folder, seen by all processes")
    parser.add_argument("--testbed", default=None, help="default: the one that TESTBED names, else picturebook")
    parser.add_argument("--count", type=int, help="how many pictures, in whole batches; a store can grow")
    parser.add_argument("--model", choices=("robust", "standard"), default="robust")
    parser.add_argument("--seeds", choices=KINDS, default="multivariate")
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=100, help="pictures in a batch and a shard (default: %(default)s)")
    parser.add_argument("--scores", action="store_true", help="measure the store, and write scores.json into it")
    chosen = parser.parse_args(arguments)
    if chosen.count is None and not chosen.scores:
        parser.error("expected --count, --scores or both")
    if min(1 if chosen.count is None else chosen.count, chosen.batch) < 1:
        parser.error(f"expected at least one picture in batches of at least one, got {chosen.count}, {chosen.batch}")
    with together() as processes:
        if chosen.count is not None:
            make(chosen, processes)
        first = processes.first
    if chosen.scores and first:
        score(chosen)
