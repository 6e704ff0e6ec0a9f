"""The pictures of README, notebook 00 and data/results: python -m course_lib gallery draws all, or those that it names.

Robust and standard model stand side by side with the same starts, radius, steps and step size. Starts are the first
test pictures and the first samples of random seed 0: not chosen. No data set is needed, and every picture may be shown
to anyone: photographs come from data/photographs, pictures of a true class from PictureBook, all others are generated.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn.functional import max_pool2d, pad

from course_lib import plots, tasks, testbeds
from course_lib.constraints import L2Ball
from course_lib.datasets import sketches
from course_lib.datasets.shipped import SUGGESTED, photograph
from course_lib.models import Classifier
from course_lib.pgd import Problem, frames, solve
from course_lib.pixels import bicubic, nearest, shrink, to_uint8
from course_lib.storage.files import RESULTS, replaced
from course_lib.testbeds.testbed import Testbed, task_of

PHOTOGRAPHS, LIVE = "imagenette-224", "imagenette-128"  # the testbeds of photographs: the largest, and the lectures'
SHARPEN: dict[str, Any] = {"ball": L2Ball(12.0), "steps": 12, "step_size": 1.5}  # what PSNR chooses shows nothing
WHOLE = 448  # pixels of a side, of which 64 and 224 are whole parts
RATE, PAUSE, BAND = 15, 2500, 40  # of the moving picture: pictures a second, milliseconds at its end, pixels for names
Make = Callable[[Classifier], Problem]


def solved(testbed: Testbed, label: str, make: Make) -> dict[str, Tensor]:
    """What both models make of a problem, each as a row with a label in which {} is the model's name."""
    return {label.format(name): solve(make(model)) for name, model in testbed.models.items()}


def first_seeds(testbed: Testbed, kind: str, labels: Tensor) -> Tensor:
    return testbed.seeds(kind).sample(labels, generator=torch.Generator().manual_seed(0))


def every_task() -> Figure:
    """One picture for each task, the papers' figure 1."""
    columns = dict([*of_photographs(testbeds.load(PHOTOGRAPHS)), *of_picturebook(testbeds.load("picturebook"))])
    rows = {row: torch.cat([column[row] for column in columns.values()]) for row in ("start", "robust", "standard")}
    return plots.grid(rows, titles=[*columns], size=1.45)


def column(bed: Testbed, title: str, start: Tensor, make: Make) -> tuple[str, dict[str, Tensor]]:
    """A task's title, what it starts from as it is shown, and what both models make of it, all of one size."""
    pictures = {"start": start} | solved(bed, "{}", make)
    return title, {row: nearest(picture, WHOLE // picture.shape[-1]) for row, picture in pictures.items()}


def of_photographs(bed: Testbed) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Tasks without a true class: from samples, photographs, a drawing."""

    def changed(task: Callable[..., Problem], name: str, start: Tensor) -> tuple[str, dict[str, Tensor]]:
        label, settings = torch.tensor([bed.classes.index(name)]), bed.tuned[task.__name__]
        return column(bed, f"{task.__name__}:\n{name}", start, lambda model: task(model, start, label, **settings))

    for name in ("springer", "garbage truck"):
        yield changed(tasks.generate, name, first_seeds(bed, "multivariate", torch.tensor([bed.classes.index(name)])))
    for name in ("grass", "rocket"):
        yield changed(tasks.translate, SUGGESTED[name], photograph(name, bed.resolution))
    drawing = next(one for one in sketches.load() if one.shows == "church")
    yield changed(tasks.sketch, drawing.shows, drawing.image(bed.resolution))
    yield painted(bed, "gravel", "gas pump")


def painted(bed: Testbed, name: str, wanted: str) -> tuple[str, dict[str, Tensor]]:
    """Feature painting in a disc, whose rim is shown: the unit on which the class leans most."""
    start, side = photograph(name, bed.resolution), bed.resolution
    place = (torch.arange(side) + 0.5) / side - 0.5
    disc = (place.square() + place.square()[:, None] < 0.3**2).float().view(1, 1, side, side)
    rim = max_pool2d(disc, 5, 1, 2) - disc

    def make(model: Classifier) -> Problem:
        unit = int(model.head.weight[bed.classes.index(wanted)].argmax())
        return tasks.paint(model, start, disc, unit=unit, **bed.tuned["paint"])

    return column(bed, f"paint:\n{wanted} unit", start * (1 - rim) + rim, make)


def of_picturebook(bed: Testbed) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Tasks that need a true class, on the first test pictures of two classes."""
    church, zebra = (bed.batch("test", [bed.classes.index(name)]) for name in ("church", "zebra"))
    yield column(bed, "inpaint:\nchurch", *repairs(bed, *church)[0])
    yield column(bed, "sharpen x8:\nzebra", *repairs(bed, *zebra)[1])


def repairs(bed: Testbed, truth: Tensor, labels: Tensor) -> tuple[tuple[Tensor, Make], tuple[Tensor, Make]]:
    """Inpainting the middle quarter of pictures, and super-resolution x8: each with what it starts from."""
    hole = pad(torch.ones(1, 1, *[bed.resolution // 2] * 2), (bed.resolution // 4,) * 4)
    damaged, small = tasks.fill_smoothly(truth, hole), shrink(truth, 8)
    fill = partial(tasks.inpaint, damaged=damaged, mask=hole, labels=labels, **bed.tuned["inpaint"])
    sharpen = partial(tasks.superresolve, small=small, labels=labels, factor=8, start=bicubic, **SHARPEN)
    return (damaged, fill), (bicubic(small, 8), sharpen)


def generation(testbed: Testbed, *, kinds: Sequence[str] = ("multivariate", "uniform")) -> Figure:
    """One picture of every class from each of these kinds of seeds."""
    labels, rows = torch.arange(len(testbed.classes)), {}
    for kind in kinds:
        seeds = first_seeds(testbed, kind, labels)
        settings = testbed.tuned[task_of(kind)]
        rows[f"start,\n{kind}"] = seeds
        rows |= solved(testbed, f"{{}},\nfrom {kind}", partial(tasks.generate, seeds=seeds, labels=labels, **settings))
    return plots.grid(rows, titles=testbed.classes)


def photographs(testbed: Testbed) -> Figure:
    """The photographs that ship, each translated to the class that suits it, and what was changed."""
    images = torch.cat([photograph(name, testbed.resolution) for name in SUGGESTED])
    labels = torch.tensor([testbed.classes.index(name) for name in SUGGESTED.values()])
    ends = solved(testbed, "{}", partial(tasks.translate, images=images, labels=labels, **testbed.tuned["translate"]))
    changes = {f"what the\n{name} one\nchanged": plots.gradient_pictures(end - images) for name, end in ends.items()}
    return plots.grid({"photograph": images} | ends | changes, titles=[f"to\n{name}" for name in SUGGESTED.values()])


def grey(testbed: Testbed) -> Figure:
    """Every class from flat grey: what is seen, the model has put there. Each step looks at a shifted picture."""
    labels, settings = torch.arange(len(testbed.classes)), testbed.tuned["generate from noise"]
    start = torch.full((len(labels), 3, *[testbed.resolution] * 2), 0.5)

    def make(model: Classifier) -> Problem:
        loss = tasks.shifted(tasks.cross_entropy(model, labels), 8, generator=torch.Generator().manual_seed(0))
        return Problem(loss, start, **settings)

    return plots.grid(solved(testbed, "{},\nfrom grey", make), titles=testbed.classes)


def translation(testbed: Testbed) -> Figure:
    """The testbed's pairs, both ways, two test pictures each."""
    ways = testbed.translations
    firsts = [(testbed.test.labels == source).nonzero()[:2, 0] for source, _ in ways]
    images, _ = testbed.batch("test", torch.cat(firsts))
    targets = torch.tensor([target for _, target in ways]).repeat_interleave(2)
    make = partial(tasks.translate, images=images, labels=targets, **testbed.tuned["translate"])
    titles = [f"to\n{testbed.answers[target]}" for target in targets]
    return plots.grid({"start": images} | solved(testbed, "{}", make), titles=titles)


def restoration(testbed: Testbed) -> Figure:
    """Inpainting and super-resolution x8, where the truth is known."""
    truth, labels = testbed.batch("test", range(10, 10 + len(testbed.classes)))
    (damaged, fill), (blurred, sharpen) = repairs(testbed, truth, labels)
    rows = {"truth": truth, "filled\nsmoothly": damaged} | solved(testbed, "inpainted,\n{}", fill)
    rows |= {"bicubic x8": blurred} | solved(testbed, "x8,\n{}", sharpen)
    return plots.grid(rows, titles=[testbed.classes[label] for label in labels])


def moving(testbed: Testbed, *, steps: int = 40) -> list[Image.Image]:
    """The first run of notebook 00, noise to churches from the first four seeds: one picture for each step."""
    labels, ball = torch.full((4,), testbed.classes.index("church")), testbed.tuned["generate from noise"]["ball"]
    seeds = first_seeds(testbed, "uniform", labels)
    how: dict[str, Any] = {"ball": ball, "steps": steps, "step_size": 2.5 * ball.radius / steps}
    runs = [frames(tasks.generate(model, seeds, labels, **how)) for model in testbed.models.values()]
    return [named([*testbed.models], [frame.images for frame in both]) for both in zip(*runs, strict=True)]


def named(names: Sequence[str], pictures: Sequence[Tensor]) -> Image.Image:
    """Four pictures (4, 3, H, W) for each name as a square, side by side, with the names above."""
    squares = [pad(four, (2,) * 4, value=1.0).unflatten(0, (2, 2)).permute(2, 0, 3, 1, 4) for four in pictures]
    row = torch.cat([pad(square.flatten(3).flatten(1, 2), (8, 8, BAND, 0), value=1.0) for square in squares], 2)
    picture = Image.fromarray(to_uint8(row[None])[0])
    for number, name in enumerate(names):
        place = ((number + 0.5) * picture.width / len(names), BAND / 2)
        ImageDraw.Draw(picture).text(place, name, fill="black", anchor="mm", font=ImageFont.load_default(30))
    return picture


def save_moving(pictures: Sequence[Image.Image], path: Path) -> None:
    """As an animation that ends after two rounds: what moves for ever draws the eye away from the text."""
    times = [PAUSE // 2, *[1000 // RATE] * (len(pictures) - 2), PAUSE]
    more = pictures[1:]
    pictures[0].save(path, save_all=True, append_images=more, duration=times, loop=2, quality=7, method=6)


def of(name: str, draw: Callable[[Testbed], Any]) -> Callable[[], Any]:
    return lambda: draw(testbeds.load(name))


PICTURES: Mapping[str, Callable[[], Any]] = {
    "every-task": every_task,
    "photographs": of(PHOTOGRAPHS, photographs),
    "imagenette-224-generation": of(PHOTOGRAPHS, generation),
    "imagenette-224-grey": of(PHOTOGRAPHS, grey),
    "imagenette-128-moving": of(LIVE, moving),
    "cifar10-generation": of("cifar10", generation),
    **{f"picturebook-{one.__name__}": of("picturebook", one) for one in (generation, translation, restoration)},
}


def gallery(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m course_lib gallery", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"among {', '.join(PICTURES)} (default: all)")
    names = parser.parse_args(arguments).names
    if unknown := sorted(set(names) - set(PICTURES)):
        parser.error(f"expected names among {', '.join(PICTURES)}; got {', '.join(unknown)}")
    for name in names or PICTURES:
        picture = PICTURES[name]()
        with replaced(RESULTS / f"{name}.webp") as path:
            if isinstance(picture, Figure):
                picture.savefig(path, dpi=90, pil_kwargs={"quality": 76, "method": 6})
            else:
                save_moving(picture, path)
        print(path.name, flush=True)
