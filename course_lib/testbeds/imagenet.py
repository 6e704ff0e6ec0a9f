"""ImageNet at 224 pixels, from a folder that you have: all of it, or the paper's nine groups of its classes."""

from course_lib.datasets.photographs import Photographs
from course_lib.testbeds.seeding import Seeding
from course_lib.testbeds.testbed import Testbed


def load() -> Testbed:
    from course_lib.imagenet import folder, networks  # torchvision's models: only where they are needed

    return Testbed(
        name="imagenet",
        classes=networks.NAMES,
        resolution=224,
        radius=3.0,
        pictures=lambda split, size: Photographs(folder.imagenet(), split, size=size),
        weights={"robust": "resnet50-robust", "standard": "resnet50-standard", "judge": "efficientnet-judge"},
        settings="imagenette-resnet50",
        load=networks.load_imagenet,
        seeding=Seeding(size=56, of_each=200),
        others=(),
        pairs=((339, 340), (948, 950), (0, 1)),  # sorrel and zebra, Granny Smith and orange, tench and goldfish
    )


def load_restricted() -> Testbed:
    from course_lib.imagenet import folder, restricted

    return Testbed(
        name="restricted_imagenet",
        classes=tuple(folder.GROUPS),
        resolution=224,
        radius=3.0,
        pictures=lambda split, size: Photographs(folder.restricted_imagenet(), split, size=size),
        weights={"robust": "restricted-robust", "standard": "restricted-standard", "judge": "efficientnet-judge"},
        settings="restricted_imagenet",
        load=restricted.load_restricted,
        seeding=Seeding(size=56, of_each=500),
        pairs=((0, 1), (2, 3)),
    )
