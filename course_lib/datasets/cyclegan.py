"""Pairs of domains: the unpaired photographs of CycleGAN (Zhu et al. 2017), which the paper translates, too."""

from functools import partial
from pathlib import Path

from course_lib.datasets.photographs import Collection
from course_lib.storage.archives import put, unpacked

SOURCE = "https://efrosgans.eecs.berkeley.edu/cyclegan/datasets"  # moved there from people.eecs.berkeley.edu
HASHES = {  # SHA-256, as TensorFlow Datasets has them
    "horse2zebra": "a74d9d392eecca9966b51287a76ca126af473d9de4f3e8fc0e9cda08fa1730a1",
    "apple2orange": "845a191e9af8926408ea597001cd03a452e3300a1f44a79fe329b3d59f6e3eb8",
    "summer2winter_yosemite": "167fe1726807a9d22bd106b4a6c0bd7953b688af924ac1bf967439c4961e49f9",
}


def pair(name: str, classes: tuple[str, str], *, archive: str | None = None) -> Collection:
    """The pictures of two domains, A and B, in trainA, trainB, testA and testB, as the zip file has them."""
    fetching = partial(fetch_pair, archive=archive or name)
    return Collection(name, classes, ("A", "B"), ("train", "test"), held_out=200, fetch=fetching, between="")


def fetch_pair(root: Path, *, archive: str) -> None:
    """Fetch a zip file (75 to 130 MB), unpack it and put its four folders into `root`."""
    with unpacked(root, f"{SOURCE}/{archive}.zip", HASHES[archive]) as folder:
        for part in ("trainA", "trainB", "testA", "testB"):
            put(folder / archive / part, root / part)


PAIRS = {
    one.name: one
    for one in (
        pair("horse2zebra", ("horse", "zebra")),
        pair("apple2orange", ("apple", "orange")),
        pair("summer2winter", ("summer", "winter"), archive="summer2winter_yosemite"),
    )
}
