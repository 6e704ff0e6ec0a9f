"""The pictures of README and data/results.

Robust and standard model stand side by side with the same starts, radius, steps and step size. Starts are the first
test pictures of each class and the first seeds of a generator: random, not chosen.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn.functional import pad

from course_lib import plots, testbeds
from course_lib.constraints import L2Ball
from course_lib.measuring.scores import psnr
from course_lib.pgd import Problem, frames, solve
from course_lib.pixels import bicubic, shrink, to_uint8
from course_lib.storage.files import RESULTS, replaced
from course_lib.tasks import fill_with_mean, generate, inpaint, random_holes, superresolve, translate
from course_lib.testbeds.testbed import Testbed

LOOKS: dict[str, dict[str, str]] = {  # of lines for kinds of seeds
    "uniform": {"color": "#0072B2", "linestyle": ":"},
    "normal": {"color": "#D55E00", "linestyle": "--"},
    "multivariate": {"color": "#009E73", "linestyle": "-"},
}
MOVES = "imagenette-128"  # the testbed of the moving picture, which needs none of its photographs
RATE, PAUSE = 15, 2500  # of it: pictures a second; milliseconds for which its end stays
BAND = 40  # its pixels for the names


def drawn(
    testbed: Testbed, label: str, task: Callable[..., Problem], *inputs: Tensor, **more: Any
) -> dict[str, Tensor]:
    """What both models draw, each as a row with a label in which {} is the model's name."""
    return {label.format(name): solve(task(model, *inputs, **more)) for name, model in testbed.models.items()}


def generation(testbed: Testbed) -> Figure:
    """One picture of every class from the paper's seeds, and one from noise that knows nothing of any class."""
    labels, generator = torch.arange(len(testbed.classes)), torch.Generator().manual_seed(0)
    rows: dict[str, Tensor] = {}
    for kind, task in (("multivariate", "generate"), ("uniform", "generate from noise")):
        seeds = testbed.seeds(kind).sample(labels, generator=generator)
        rows[f"seed,\n{kind}"] = seeds
        rows |= drawn(testbed, f"{{}},\nfrom {kind}", generate, seeds, labels, **testbed.tuned[task])
    return plots.grid(rows, titles=testbed.classes)


def translation(testbed: Testbed) -> Figure:
    """The testbed's pairs, both ways, and where it has others, two pictures each."""
    ways = testbed.translations
    firsts = [(testbed.test.labels == source).nonzero()[:2, 0] for source, _ in ways]
    images, _ = testbed.batch("test", torch.cat(firsts))
    targets = torch.tensor([target for _, target in ways]).repeat_interleave(2)
    rows = {"start": images} | drawn(testbed, "{}", translate, images, targets, **testbed.tuned["translate"])
    return plots.grid(rows, titles=[f"to\n{testbed.answers[target]}" for target in targets])


def restoration(testbed: Testbed) -> Figure:
    """Inpainting and super-resolution x4, where the truth is known."""
    truth, labels = testbed.batch("test", range(10, 10 + len(testbed.classes)))
    size = testbed.resolution
    holes = random_holes(len(truth), size, size // 4, generator=torch.Generator().manual_seed(1))
    damaged, small = fill_with_mean(truth, holes), shrink(truth, 4)
    fill, sharpen = testbed.tuned["inpaint"], testbed.tuned["superresolve x4"]
    rows = {"truth": truth, "damaged": damaged}
    rows |= drawn(testbed, "inpainted,\n{}", inpaint, damaged, holes, labels=labels, **fill)
    rows["bicubic x4"] = bicubic(small, 4)
    rows |= drawn(testbed, "x4,\n{}", superresolve, small, labels, factor=4, start=bicubic, **sharpen)
    return plots.grid(rows, titles=[testbed.classes[label] for label in labels])


def losses(testbed: Testbed) -> Figure:
    """The mean loss of 20 generations along the steps, for three kinds of seeds and both models (Duke's figure)."""
    labels = torch.arange(20) % len(testbed.classes)
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    for axis, (name, model) in zip(figure.subplots(1, 2, sharey=True), testbed.models.items(), strict=True):
        for kind, look in LOOKS.items():
            seeds = testbed.seeds(kind).sample(labels, generator=torch.Generator().manual_seed(0))
            run = frames(generate(model, seeds, labels, **testbed.tuned["generate from noise"]))
            axis.plot([frame.losses.mean().item() for frame in run], label=kind, linewidth=2.5, **look)
        axis.set_title(name, fontsize=15)
        axis.set_xlabel("step", fontsize=13)
        axis.set_yscale("log")
        axis.set_ylim(bottom=1e-7)  # in single precision the loss is 0 soon after
        axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=13, frameon=False, title="seeds", title_fontsize=13)
    figure.axes[0].set_ylabel("mean loss of the model", fontsize=13)
    return figure


def holes(testbed: Testbed) -> Figure:
    """The same pictures with a hole in the middle, mostly on the object, and in a corner, mostly off it; below each
    result its PSNR within the hole. The radius is the paper's, 21.6 at 224 pixels, which draws more than PSNR likes."""
    radius = 21.6 * testbed.resolution / 224
    fill = partial(inpaint, ball=L2Ball(radius), weight=1e3, steps=60, step_size=radius / 20)
    truth, labels = testbed.batch("test", range(20, 20 + len(testbed.classes)))
    size, hole = testbed.resolution, testbed.resolution // 3
    rows: dict[str, Tensor] = {"truth": truth}
    below: dict[str, list[str]] = {}
    for place, corner in (("middle", (size - hole) // 2), ("corner", size // 16)):
        mask = torch.zeros(1, 1, size, size)
        mask[..., corner : corner + hole, corner : corner + hole] = 1
        damaged = fill_with_mean(truth, mask)
        results = {"mean fill": damaged} | drawn(testbed, "{}", fill, damaged, mask, labels=labels)
        for name, images in results.items():
            rows[f"{place},\n{name}"] = images
            below[f"{place},\n{name}"] = [f"{value:.1f} dB" for value in psnr(images, truth, mask)]
    return plots.grid(rows, titles=[testbed.classes[label] for label in labels], below=below)


def moving(testbed: Testbed, *, steps: int = 40) -> list[Image.Image]:
    """The first run of notebook 00, noise to churches from the first four seeds: one picture for each step."""
    labels = torch.full((4,), testbed.classes.index("church"))
    seeds = testbed.seeds("uniform").sample(labels, generator=torch.Generator().manual_seed(0))
    run = partial(generate, ball=L2Ball(56.0), steps=steps, step_size=2.5 * 56.0 / steps)
    runs = [frames(run(model, seeds, labels)) for model in testbed.models.values()]
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


DRAWINGS = (generation, translation, restoration, losses, holes)


def gallery(arguments: Sequence[str]) -> None:
    """Draw the pictures of the testbed that TESTBED names."""
    argparse.ArgumentParser(prog="python -m course_lib gallery", description=__doc__).parse_args(arguments)
    testbed = testbeds.load()
    if testbed.name == MOVES:
        with replaced(RESULTS / f"{MOVES}-moving.webp") as path:
            save_moving(moving(testbed), path)
    for draw in DRAWINGS:
        with replaced(RESULTS / f"{testbed.name}-{draw.__name__}.webp") as path:
            draw(testbed).savefig(path, dpi=90, pil_kwargs={"quality": 76, "method": 6})
