"""Problem set 6, a bug hunt: real defects of published code, to be found and mended."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_lib.checks.asking import Ask, Inputs
from course_lib.checks.exercise import INDEPENDENT, SOUND, UNCHANGED, Exercise, Mistake, value
from course_lib.checks.ps2 import labelled
from course_lib.checks.ps3 import pixel_normal
from course_lib.checks.ps4 import SHAPES, filled, masks
from course_lib.constraints import norms
from course_lib.tasks import mean_square


def network_cases(generator: Generator) -> Iterator[Inputs]:
    for count in (3, 1):
        yield {
            "weights": torch.randn(4, 75, generator=generator),
            "images": torch.rand(count, 3, 5, 5, generator=generator),
            "mean": torch.rand(3, generator=generator),
            "std": 0.2 + 0.2 * torch.rand(3, generator=generator),
        }


def normalised(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return (images - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)


NORMALISE_ONCE = Exercise(
    "ps6.normalise_once",
    lambda model, images, mean, std: model(normalised(images, mean, std)),
    network_cases,
    (SOUND, value("normalises each channel once", points=2.0), INDEPENDENT, UNCHANGED),
    (
        Mistake(
            lambda model, images, mean, std: model(normalised(normalised(images, mean, std), mean, std)),
            "The pictures are still normalised twice.",
        ),
        Mistake(lambda model, images, **_: model(images), "The pictures are not normalised at all any more."),
        Mistake(
            lambda model, images, mean, std: model(images - mean.view(-1, 1, 1)),
            "The standard deviation is missing.",
        ),
        Mistake(
            lambda model, images, mean, std: model(images * std.view(-1, 1, 1) + mean.view(-1, 1, 1)),
            "This undoes a normalisation instead of doing one.",
        ),
    ),
    "course_lib.models.Classifier: normalisation lives inside the model",
    Ask(alone=("images",), model=True),
)


def paste_cases(generator: Generator) -> Iterator[Inputs]:
    for shape in SHAPES:
        original = torch.rand(shape, generator=generator)
        painted = torch.rand(shape, generator=generator)
        yield {"original": original, "painted": painted, "mask": masks(shape[0], shape[2], generator=generator)}


PASTE = Exercise(
    "ps6.paste",
    lambda original, painted, mask: filled(original, mask, painted),
    paste_cases,
    (SOUND, value("takes what was painted where the mask is 1", points=2.0), INDEPENDENT, UNCHANGED),
    (
        Mistake(
            lambda original, painted, mask: filled(painted, mask, original), "The mask is still the wrong way round."
        ),
        Mistake(
            lambda original, painted, mask: original + painted * mask,
            "The original is still there under what was painted: blank it where the mask is 1.",
        ),
        Mistake(lambda original, painted, mask: painted * mask, "The original is missing outside the mask."),
    ),
    "course_lib.tasks: 1 where the picture may change",
    Ask(alone=("original", "painted", "mask")),
)


def penalty_cases(generator: Generator) -> Iterator[Inputs]:
    for shape in SHAPES:
        original = torch.rand(shape, generator=generator)
        images = (original + 0.2 * torch.randn(shape, generator=generator)).clamp(0, 1)
        yield {"images": images, "original": original, "weight": 10.0}


PENALTY = Exercise(
    "ps6.penalty",
    lambda images, original, weight: weight * mean_square(images - original),
    penalty_cases,
    (SOUND, value("is the weight times the mean of squares, pixels in [0, 1]", points=2.0), INDEPENDENT, UNCHANGED),
    (
        Mistake(
            lambda images, original, weight: weight * (images - original).square().flatten(1).sum(1),
            "The squares are still summed: at this weight the picture can hardly change.",
        ),
        Mistake(
            lambda images, original, weight: weight * mean_square(255 * (images - original)),
            "The difference is still taken on pixels of 0 to 255.",
        ),
        Mistake(
            lambda images, original, weight: weight * norms(images - original).flatten(),
            "This is the un-squared norm: its weight is not comparable.",
        ),
        Mistake(
            lambda images, original, weight: mean_square(weight * (images - original)),
            "The weight is squared with the difference: it stands outside the mean.",
        ),
    ),
    "notebook 05: the two readings of the penalty",
    Ask(alone=("images", "original")),
)


def slope(model, images: Tensor, labels: Tensor, reduction: str) -> Tensor:  # type: ignore[no-untyped-def]
    images = images.clone().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(model(images), labels, reduction=reduction), images)[0]


GRADIENT = Exercise(
    "ps6.gradient",
    lambda model, images, labels: slope(model, images, labels, "sum"),
    lambda generator: (labelled(generator, count) for count in (4, 1, 2)),
    (SOUND, value("is the gradient of each picture's own loss", points=2.0), INDEPENDENT, UNCHANGED),
    (
        Mistake(
            lambda model, images, labels: slope(model, images, labels, "mean"),
            "The loss is still a mean over the batch: each gradient shrinks with the number of pictures.",
        ),
        Mistake(
            lambda model, images, labels: slope(model, images, labels, "sum").mean(0, keepdim=True).expand_as(images),
            "All pictures still share one gradient.",
        ),
        Mistake(
            lambda model, images, labels: slope(model, images, labels, "sum") / len(images) ** 0.5,
            "The gradients still depend on how many pictures there are.",
        ),
    ),
    "course_lib.pgd.value_and_gradient",
    Ask(alone=("images", "labels"), model=True),
)


def split_cases(generator: Generator) -> Iterator[Inputs]:
    for many, few in ((20, 5), (8, 8)):
        yield {
            "train": torch.rand(many, 3, 4, 4, generator=generator),
            "test": 0.5 * torch.rand(few, 3, 4, 4, generator=generator),
            "noise": torch.randn(3, 3, 4, 4, generator=generator),
        }


FIT_SEEDS = Exercise(
    "ps6.fit_seeds",
    lambda train, test, noise: pixel_normal(train, noise),
    split_cases,
    (SOUND, value("is fitted on training pictures alone", points=2.0), UNCHANGED),
    (
        Mistake(lambda train, test, noise: pixel_normal(test, noise), "The seeds are still fitted on test pictures."),
        Mistake(
            lambda train, test, noise: pixel_normal(torch.cat([train, test]), noise),
            "The test pictures still take part in the fit.",
        ),
        Mistake(
            lambda train, test, noise: (train.mean(0) + test.std(0, correction=0) * noise).clamp(0, 1),
            "The standard deviation is still that of the test pictures.",
        ),
    ),
    "notebook 03; course_lib.seeds",
)


def sum_cases(generator: Generator) -> Iterator[Inputs]:
    for count in (3, 1, 6):
        yield {
            "class_loss": torch.rand(count, generator=generator),
            "penalty": 0.3 * torch.rand(count, generator=generator),
            "weight": 5.0,
        }


TOTAL_LOSS = Exercise(
    "ps6.total_loss",
    lambda class_loss, penalty, weight: class_loss + weight * penalty,
    sum_cases,
    (SOUND, value("rises with both of its parts", points=2.0), INDEPENDENT, UNCHANGED),
    (
        Mistake(
            lambda class_loss, penalty, weight: class_loss - weight * penalty,
            "The penalty is still subtracted: the loss falls while the picture runs away.",
        ),
        Mistake(
            lambda class_loss, penalty, weight: -class_loss + weight * penalty,
            "The class loss is subtracted now: the picture stays, and never becomes the class.",
        ),
        Mistake(
            lambda class_loss, penalty, weight: (class_loss - weight * penalty).abs(),
            "An absolute value hides the sign and does not mend it.",
        ),
        Mistake(lambda class_loss, penalty, weight: class_loss, "The penalty is gone: that mends nothing."),
    ),
    "equations 3 and 5",
    Ask(alone=("class_loss", "penalty")),
)

EXERCISES = (NORMALISE_ONCE, PASTE, PENALTY, GRADIENT, FIT_SEEDS, TOTAL_LOSS)
