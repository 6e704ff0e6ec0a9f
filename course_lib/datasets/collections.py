"""The data sets of photographs by name: CIFAR-10 and Imagenette, which torchvision fetches, those of the modules beside
this one, and a person's own folders."""

import hashlib
import shutil
from pathlib import Path

from PIL import Image
from torchvision import datasets

from course_lib.datasets import cyclegan
from course_lib.datasets.photographs import SUFFIXES, Collection
from course_lib.imagenet import folder as imagenet
from course_lib.storage.archives import put


def folder(path: str | Path) -> Collection:
    """A person's own pictures: a folder with one subfolder for each class, or with `train` and `test` (or `val`) that
    have those. Raises ValueError where that is not what is there, or where a class has fewer than ten pictures."""
    home = Path(path).expanduser().resolve()
    known = (("train", "test"), ("train", "val"))
    parts = next((parts for parts in known if all((home / part).is_dir() for part in parts)), (".", "."))
    root = home / parts[0]
    classes = tuple(sorted(place.name for place in root.iterdir() if place.is_dir())) if root.is_dir() else ()
    counts = [sum(file.suffix.lower() in SUFFIXES for file in (root / name).rglob("*")) for name in classes]
    if len(classes) < 2 or min(counts) < 10:
        found = ", ".join(f"{name} ({count})" for name, count in zip(classes, counts, strict=True)) or "none"
        raise ValueError(f"expected at least two folders of at least ten pictures each in {root}, got {found}")
    fingerprint = hashlib.sha256(str(home).encode()).hexdigest()[:8]
    held_out = sum(counts) // 10
    return Collection(f"folder-{home.name}-{fingerprint}", classes, classes, parts, held_out=held_out, home=home)


def collection_of(data: str) -> Collection:
    """By the name that recipes and testbeds use: "cifar10", "imagenet", "horse2zebra", "folder:PATH" and so on."""
    kind, _, path = data.partition(":")
    if kind == "folder":
        return folder(path)
    return IMAGENETS[data]() if data in IMAGENETS else COLLECTIONS[data]


def fetch_cifar10(root: Path) -> None:
    """Fetch CIFAR-10 (163 MB) with torchvision and write its pictures as PNG files, class by class."""
    for part, train in (("train", True), ("test", False)):
        source = datasets.CIFAR10(str(root / "source"), train=train, download=True)
        for number, (pixels, label) in enumerate(zip(source.data, source.targets, strict=True)):
            path = root / f"{part}.part" / CIFAR10.folders[label] / f"{number:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
        put(root / f"{part}.part", root / part)


def fetch_imagenette(root: Path) -> None:
    """Fetch Imagenette (326 MB, shorter side 320 pixels) with torchvision."""
    unpacked = root / "source" / "imagenette2-320"
    shutil.rmtree(unpacked, ignore_errors=True)  # what a killed run may have left
    datasets.Imagenette(str(root / "source"), split="train", size="320px", download=True)
    for part in ("train", "val"):
        put(unpacked / part, root / part)


CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR10 = Collection(
    name="cifar10",
    classes=CIFAR10_CLASSES,
    folders=CIFAR10_CLASSES,
    parts=("train", "test"),
    held_out=1_000,
    fetch=fetch_cifar10,
)
IMAGENETTE = Collection(
    name="imagenette",
    classes=(
        "tench",
        "springer",
        "cassette player",
        "chain saw",
        "church",
        "French horn",
        "garbage truck",
        "gas pump",
        "golf ball",
        "parachute",
    ),
    folders=(
        "n01440764",
        "n02102040",
        "n02979186",
        "n03000684",
        "n03028079",
        "n03394916",
        "n03417042",
        "n03425413",
        "n03445777",
        "n03888257",
    ),
    parts=("train", "val"),
    held_out=469,
    fetch=fetch_imagenette,
)
COLLECTIONS = {collection.name: collection for collection in (CIFAR10, IMAGENETTE)} | cyclegan.PAIRS
# These look for their folder when they are called.
IMAGENETS = {
    "imagenet": imagenet.imagenet,
    "restricted_imagenet": imagenet.restricted_imagenet,
}
