"""ImageNet, from a folder that you have, and restricted ImageNet: nine groups of its classes.

ImageNet may not be passed on, so nothing is fetched here. The folder is the one that torchvision's `ImageNet` unpacks
and that the `robustness` package expects: train/n01440764/*.JPEG, val/n01440764/*.JPEG and so on, 1,000 classes each.
"""

from pathlib import Path

from course_lib.datasets.photographs import Collection, candidates

PARTS = ("train", "val")
CLASSES = 1_000
GROUPS = {  # the first and the last class number of each (Tsipras et al. 2019, and the `robustness` package)
    "dog": (151, 268),
    "cat": (281, 285),
    "frog": (30, 32),
    "turtle": (33, 37),
    "bird": (80, 100),
    "primate": (365, 382),
    "fish": (389, 397),
    "crab": (118, 121),
    "insect": (300, 319),
}
OF_CIFAR10 = {2: 4, 3: 1, 5: 0, 6: 2}  # bird, cat, dog and frog of CIFAR-10 -> their groups; no other class has one


def imagenet() -> Collection:
    """All classes, in the order of their folders' names, which is how ImageNet's classes are numbered."""
    home = find()
    return Collection("imagenet", names(), folders(home, PARTS[0]), PARTS, held_out=5_000, home=home)


def restricted_imagenet() -> Collection:
    """The classes of `GROUPS`: a group is one class, made of many folders."""
    home = find()
    every, group_of = folders(home, PARTS[0]), groups()
    chosen = tuple(every[number] for number in group_of)
    labels = tuple(group_of.values())
    return Collection("restricted_imagenet", tuple(GROUPS), chosen, PARTS, held_out=5_000, home=home, labels=labels)


def groups() -> dict[int, int]:
    """ImageNet's class number -> restricted ImageNet's label, for those that have one."""
    return {number: label for label, (first, last) in enumerate(GROUPS.values()) for number in range(first, last + 1)}


def names() -> tuple[str, ...]:
    """A short name for each of the 1,000 classes, as torchvision has them."""
    from torchvision.models import ResNet50_Weights  # takes a second, so only where it is needed

    return tuple(ResNet50_Weights.IMAGENET1K_V2.meta["categories"])


def find() -> Path:
    """The folder with ImageNet. FileNotFoundError, with what to do, where there is none or where it is not whole."""
    places = candidates("imagenet")
    counts = {(place, part): len(folders(place, part)) for place in places for part in PARTS}
    for place in places:
        if all(counts[place, part] == CLASSES for part in PARTS):
            return place
    found = ", ".join(f"{count:,} in {place / part}" for (place, part), count in counts.items() if count) or "none"
    raise FileNotFoundError(
        f"expected ImageNet's {CLASSES:,} class folders (n01440764 ...) in train and in val, below"
        f" $COURSE_DATA/imagenet or {places[-1]}, found {found}: nobody may pass ImageNet on, so ask for it at"
        " https://image-net.org/download and unpack it there with torchvision.datasets.ImageNet"
    )


def folders(home: Path, part: str) -> tuple[str, ...]:
    inside = (home / part).glob("n" + 8 * "[0-9]")
    return tuple(sorted(path.name for path in inside if path.is_dir()))
