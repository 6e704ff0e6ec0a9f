"""Imagenette at 224 pixels with ResNets that know all 1,000 classes of ImageNet, as in Duke's report.

The networks keep their 1,000 answers, so the loss is the documents' cross entropy over 1,000 classes, and accuracies
count all of them. Imagenette's ten classes come first, in its own order, and the 990 others follow in ImageNet's. So a
label is a place in `classes`, as everywhere; `testbed.answers.index("goldfish")` is a target, too.

Networks and pictures are fetched when first asked for, and settings are published ones (`data/tuned`). One standard
network judges: what fools a standard network may convince it.
"""

from functools import partial

from course_lib.datasets.collections import IMAGENETTE
from course_lib.datasets.photographs import Photographs
from course_lib.testbeds.seeding import Seeding
from course_lib.testbeds.testbed import Testbed

NUMBERS = (0, 217, 482, 491, 497, 566, 569, 571, 574, 701)  # of Imagenette's classes among ImageNet's
ONE_WAY = (  # Duke's; there are no pictures of the targets, and "crane" is taken to be the bird
    ("tench", "goldfish"),
    ("chain saw", "cannon"),
    ("parachute", "stingray"),
    ("parachute", "crane bird"),
)


def load(depth: int) -> Testbed:
    from course_lib.imagenet import networks  # torchvision's models: only where they are needed

    answers = [networks.NAMES[number] for number in networks.order(NUMBERS)]
    return Testbed(
        name=f"imagenette-resnet{depth}",
        classes=IMAGENETTE.classes,
        resolution=224,
        radius=3.0,
        pictures=partial(Photographs, IMAGENETTE),
        weights={
            "robust": f"resnet{depth}-robust",
            "standard": f"resnet{depth}-standard",
            "judge": "efficientnet-judge",
        },
        settings="imagenette-resnet50",
        load=partial(networks.load_imagenet, first=NUMBERS),
        seeding=Seeding(size=56),
        others=answers[len(NUMBERS) :],
        pairs=((0, 1), (6, 7), (8, 9)),
        one_way=[(answers.index(source), answers.index(target)) for source, target in ONE_WAY],
    )
