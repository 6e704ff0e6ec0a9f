"""The pictures of the README: `python -m course_lib.gallery` draws them into data/results.

Robust and standard model stand side by side with the same starts, radius, steps and step size. Starts are the first
test pictures of each class and the first seeds of a generator: random, not chosen.
"""

import torch
from matplotlib.figure import Figure
from torch import Tensor

from course_lib import plots, zoo
from course_lib.files import RESULTS
from course_lib.pgd import solve
from course_lib.pixels import bicubic, shrink
from course_lib.tasks import fill_with_mean, generate, inpaint, random_holes, superresolve, translate
from course_lib.testbed import Testbed


def generation(testbed: Testbed) -> Figure:
    """One picture of every class from the paper's seeds, and one from noise that knows nothing of any class."""
    labels, generator = torch.arange(len(testbed.classes)), torch.Generator().manual_seed(0)
    rows: dict[str, Tensor] = {}
    for kind, task in (("multivariate", "generate"), ("uniform", "generate from noise")):
        seeds = testbed.seeds(kind).sample(labels, generator=generator)
        rows[f"seed,\n{kind}"] = seeds
        for name, model in testbed.models.items():
            rows[f"{name},\nfrom {kind}"] = solve(generate(model, seeds, labels, **testbed.tuned[task]))
    return plots.grid(rows, titles=testbed.classes)


def translation(testbed: Testbed) -> Figure:
    """The testbed's pairs, both ways, two pictures each."""
    ways = [way for pair in testbed.pairs for way in (pair, pair[::-1])]
    firsts = [(testbed.test.labels == source).nonzero()[:2, 0] for source, _ in ways]
    images, _ = testbed.batch("test", torch.cat(firsts))
    targets = torch.tensor([target for _, target in ways]).repeat_interleave(2)
    settings = testbed.tuned["translate"]
    drawn = {name: solve(translate(model, images, targets, **settings)) for name, model in testbed.models.items()}
    return plots.grid({"start": images} | drawn, titles=[f"to\n{testbed.classes[target]}" for target in targets])


def restoration(testbed: Testbed) -> Figure:
    """Inpainting and super-resolution x4, where the truth is known."""
    truth, labels = testbed.batch("test", range(10, 10 + len(testbed.classes)))
    size = testbed.resolution
    holes = random_holes(len(truth), size, size // 4, generator=torch.Generator().manual_seed(1))
    damaged, small = fill_with_mean(truth, holes), shrink(truth, 4)
    fill, sharpen = testbed.tuned["inpaint"], testbed.tuned["superresolve x4"]
    rows = {"truth": truth, "damaged": damaged}
    for name, model in testbed.models.items():
        rows[f"inpainted,\n{name}"] = solve(inpaint(model, damaged, holes, labels=labels, **fill))
    rows["bicubic x4"] = bicubic(small, 4)
    for name, model in testbed.models.items():
        rows[f"x4,\n{name}"] = solve(superresolve(model, small, labels, factor=4, start=bicubic, **sharpen))
    return plots.grid(rows, titles=[testbed.classes[label] for label in labels])


def main() -> None:
    testbed = zoo.load()
    RESULTS.mkdir(parents=True, exist_ok=True)
    for draw in (generation, translation, restoration):
        draw(testbed).savefig(RESULTS / f"{testbed.name}-{draw.__name__}.png", dpi=90)


if __name__ == "__main__":
    main()
