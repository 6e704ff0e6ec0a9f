"""A tiny world for tests: networks with random weights, a data set of coloured noise, and a testbed made of both."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.constraints import L2Ball
from course_lib.models import Classifier, residual_network
from course_lib.testbeds import Testbed

CLASSES, SIZE = 5, 16
COUNTS = {"train": 2_000, "validation": 40, "test": 40}


def network(*, seed: int = 0, classes: int = CLASSES, widths: Sequence[int] = (8, 12)) -> Classifier:
    """A small network with random weights and batch-norm statistics, in evaluation mode and double precision."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return stirred(residual_network(widths, classes))


def stirred(model: Classifier) -> Classifier:
    """Random batch-norm statistics, and a head whose answers differ from picture to picture."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
    model = model.double().eval()
    with torch.no_grad():
        logits = model(images(64, seed=99))
        model.head.weight.mul_(3 / logits.std(0, keepdim=True).T)
        model.head.bias.copy_(3 * (model.head.bias - logits.mean(0)) / logits.std(0))
    return model


def images(count: int, *, size: int = SIZE, seed: int = 0) -> Tensor:
    """Noise of many colours (count, 3, size, size) in double precision, away from 0 and 1, where steps are clipped."""
    generator = torch.Generator().manual_seed(seed)
    colours = torch.rand(count, 3, 1, 1, generator=generator, dtype=torch.float64)
    noise = torch.rand(count, 3, size, size, generator=generator, dtype=torch.float64)
    return 0.2 + 0.4 * colours + 0.2 * noise


class Book:
    """Stands in for PictureBook: every class has its own brightness. `read` collects the splits that were looked at."""

    def __init__(self, split: str, read: list[str]) -> None:
        self.split, self.read = split, read
        self.labels = torch.arange(COUNTS[split]) % CLASSES
        generator = torch.Generator().manual_seed(len(split))
        noise = torch.randint(0, 60, (COUNTS[split], 3, SIZE, SIZE), generator=generator)
        self.pixels = (30 * self.labels.view(-1, 1, 1, 1) + 40 + noise).byte()

    def __len__(self) -> int:
        return len(self.labels)

    def images(self, indices: Sequence[int] | Tensor) -> Tensor:
        self.read.append(self.split)
        return self.pixels[torch.as_tensor(indices)]


SETTINGS: dict[str, Any] = {"ball": L2Ball(1.0), "steps": 3, "step_size": 0.5}


def untrained_testbed(read: list[str] | None = None) -> Testbed:
    """A testbed of noise and untrained networks, with settings of three steps for every task."""
    read = [] if read is None else read
    bed = Testbed(
        name="tiny",
        classes=[f"class {label}" for label in range(CLASSES)],
        resolution=SIZE,
        radius=0.5,
        pictures=lambda split, size: Book(split, read),
        weights={},
        settings="tiny",
        pairs=((0, 1),),
    )
    for seed, name in enumerate(("robust", "standard", "judge")):
        vars(bed)[name] = network(seed=seed).float()
    vars(bed)["judges"] = {"judge": bed.judge, "second judge": network(seed=3).float()}
    ways = ("generate", "generate from noise", "translate")
    sharper = [f"superresolve x{factor}{then}" for factor in (2, 4, 8) for then in ("", ", then back-project")]
    vars(bed)["tuned"] = dict.fromkeys((*ways, *sharper, "inpaint"), SETTINGS)
    bed.tuned.update({f"{way} by the standard model": SETTINGS | {"ball": L2Ball(2.0)} for way in ways})
    return bed
