"""The data sets of photographs by name: CIFAR-10, Imagenette, those of the modules beside this one, and a person's own
folders."""

import hashlib
from pathlib import Path

import numpy
from PIL import Image

from course_lib.datasets import cyclegan
from course_lib.datasets.photographs import SUFFIXES, Collection
from course_lib.storage.archives import put, unpacked

SOURCES = {  # address and SHA-256, as TensorFlow Datasets has them
    "cifar10": (
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    ),
    "imagenette": (
        "https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-320.tgz",
        "569b4497c98db6dd29f335d1f109cf315fe127053cedf69010d047f0188e158c",
    ),
}
TERMS = {  # of what is made from these pictures; they themselves are not passed on
    "imagenette": "Made from Imagenette, photographs of ImageNet: for non-commercial research and education alone.",
    "cifar10": "Made from CIFAR-10, photographs of the web under no licence: for research and education; "
    "cite Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.",
}


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
    """By the name that recipes and testbeds use: "cifar10", "horse2zebra", "folder:PATH" and so on."""
    kind, _, path = data.partition(":")
    return folder(path) if kind == "folder" else COLLECTIONS[data]


def fetch_cifar10(root: Path) -> None:
    """Fetch CIFAR-10 (170 MB) and write its pictures as PNG files, class by class."""
    with unpacked(root, *SOURCES["cifar10"]) as folder:
        for part, files in (("train", "data_batch_*.bin"), ("test", "test_batch.bin")):
            batches = [numpy.fromfile(file, numpy.uint8) for file in sorted(folder.glob(f"*/{files}"))]
            for number, row in enumerate(numpy.concatenate(batches).reshape(-1, 1 + 3 * 32 * 32)):
                path = folder / part / CIFAR10.folders[row[0]] / f"{number:05d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(row[1:].reshape(3, 32, 32).transpose(1, 2, 0)).save(path)
            put(folder / part, root / part)


def fetch_imagenette(root: Path) -> None:
    """Fetch Imagenette (342 MB, shorter side 320 pixels)."""
    with unpacked(root, *SOURCES["imagenette"]) as folder:
        for part in ("train", "val"):
            put(folder / "imagenette2-320" / part, root / part)


CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR10 = Collection(
    name="cifar10",
    classes=CIFAR10_CLASSES,
    folders=CIFAR10_CLASSES,
    parts=("train", "test"),
    held_out=1_000,
    fetch=fetch_cifar10,
)
IMAGENETTE_CLASSES = {
    "n01440764": "tench",
    "n02102040": "springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}
IMAGENETTE = Collection(
    name="imagenette",
    classes=tuple(IMAGENETTE_CLASSES.values()),
    folders=tuple(IMAGENETTE_CLASSES),
    parts=("train", "val"),
    held_out=469,
    fetch=fetch_imagenette,
)
COLLECTIONS = {collection.name: collection for collection in (CIFAR10, IMAGENETTE)} | cyclegan.PAIRS
