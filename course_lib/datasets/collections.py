"""The data sets of photographs by name: CIFAR-10, Imagenette, the unpaired photographs of CycleGAN (Zhu et al. 2017),
which the paper translates, too, and a person's own folders."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy
from PIL import Image

from course_lib.datasets.folders import folder
from course_lib.datasets.photographs import Collection
from course_lib.storage.archives import put, unpacked

CYCLEGAN = "https://efrosgans.eecs.berkeley.edu/cyclegan/datasets"  # moved there from people.eecs.berkeley.edu
SOURCES = {  # address and SHA-256, as TensorFlow Datasets has them
    "cifar10": (  # 170 MB
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    ),
    "imagenette": (  # 342 MB, shorter side 320 pixels
        "https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-320.tgz",
        "569b4497c98db6dd29f335d1f109cf315fe127053cedf69010d047f0188e158c",
    ),
    "horse2zebra": (  # this and the others 75 to 130 MB
        f"{CYCLEGAN}/horse2zebra.zip",
        "a74d9d392eecca9966b51287a76ca126af473d9de4f3e8fc0e9cda08fa1730a1",
    ),
    "apple2orange": (
        f"{CYCLEGAN}/apple2orange.zip",
        "845a191e9af8926408ea597001cd03a452e3300a1f44a79fe329b3d59f6e3eb8",
    ),
    "summer2winter": (
        f"{CYCLEGAN}/summer2winter_yosemite.zip",
        "167fe1726807a9d22bd106b4a6c0bd7953b688af924ac1bf967439c4961e49f9",
    ),
}
TERMS = {  # of what is made from these pictures; they themselves are not passed on
    "imagenette": "Made from Imagenette, photographs of ImageNet: for non-commercial research and education alone.",
    "cifar10": "Made from CIFAR-10, photographs of the web under no licence: for research and education; "
    "cite Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.",
}


def terms(data: str | None) -> dict[str, str]:
    """What these data allow, for a card, where they do not allow everything."""
    return {"terms": TERMS[data]} if data in TERMS else {}


def collection_of(data: str) -> Collection:
    """By the name that recipes and testbeds use: "cifar10", "horse2zebra", "folder:PATH" and so on."""
    kind, _, path = data.partition(":")
    return folder(path) if kind == "folder" else COLLECTIONS[data]


def fetch_cifar10(root: Path) -> None:
    """Write the pictures of the archive as PNG files, class by class."""
    with unpacked(root, *SOURCES["cifar10"]) as folder:
        for part, files in (("train", "data_batch_*.bin"), ("test", "test_batch.bin")):
            batches = [numpy.fromfile(file, numpy.uint8) for file in sorted(folder.glob(f"*/{files}"))]
            for number, row in enumerate(numpy.concatenate(batches).reshape(-1, 1 + 3 * 32 * 32)):
                path = folder / part / CIFAR10.folders[row[0]] / f"{number:05d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(row[1:].reshape(3, 32, 32).transpose(1, 2, 0)).save(path)
            put(folder / part, root / part)


def fetch_folders(root: Path, *, name: str, inside: str, parts: Sequence[str]) -> None:
    """Put these folders of an archive into `root`."""
    with unpacked(root, *SOURCES[name]) as folder:
        for part in parts:
            put(folder / inside / part, root / part)


def domains(name: str, *classes: str, inside: str | None = None) -> Collection:
    """The pictures of two domains, A and B, in four folders, as the zip file has them."""
    parts = ("trainA", "trainB", "testA", "testB")
    fetch = partial(fetch_folders, name=name, inside=inside or name, parts=parts)
    return Collection(name, classes, ("A", "B"), ("train", "test"), held_out=200, fetch=fetch, between="")


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
    fetch=partial(fetch_folders, name="imagenette", inside="imagenette2-320", parts=("train", "val")),
)
PAIRS = {
    "horse2zebra": domains("horse2zebra", "horse", "zebra"),
    "apple2orange": domains("apple2orange", "apple", "orange"),
    "summer2winter": domains("summer2winter", "summer", "winter", inside="summer2winter_yosemite"),
}
COLLECTIONS = {"cifar10": CIFAR10, "imagenette": IMAGENETTE, **PAIRS}
