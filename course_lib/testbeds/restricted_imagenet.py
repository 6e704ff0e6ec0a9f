"""The paper's nine groups of ImageNet's classes at 224 pixels: a folder that you have, the authors' networks."""

from course_lib.datasets.photographs import Photographs
from course_lib.testbeds.seeding import Seeding
from course_lib.testbeds.testbed import Testbed


def load() -> Testbed:
    from course_lib.imagenet import folder, restricted  # torchvision's models: only where they are needed

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
