"""PictureBook: ten classes of pictures drawn by code, at any resolution, seeded, free of any licence.

The offline stand-in for photographs. Every picture also carries a faint planted texture that gives its class away
and that people cannot see: a non-robust feature whose truth is known (Ilyas et al. 2019, "Adversarial Examples Are
Not Bugs, They Are Features"). The dial `shortcut` sets its strength; 0 removes it.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import torch
from torch import Tensor

from course_lib.datasets import drawing, scenes
from course_lib.one_line import OneLine
from course_lib.storage.files import cached, default_cache

CLASSES = ("horse", "zebra", "apple", "orange", "summer", "winter", "goldfish", "parachute", "church", "golf ball")
SPLITS = {"train": (0, 20_000), "validation": (1, 2_000), "test": (2, 2_000)}  # name: (number, pictures)
DEFAULT_SHORTCUT = 1.0  # L2 distance between two classes' textures, pixel units, at 64 x 64
BACKGROUNDS = 8  # out of doors, and as many indoors
BLOCK = 2_000  # pictures in one file of the cache
DRAWING = "e9be81f6c36d"  # which pictures the cache holds: change it with every change of what is drawn
FEW = 100  # so many are drawn at once rather than read
ROLLS = 3_600  # random numbers set aside for each picture
WAVES = ((4, 6), (6, 4), (5, 7), (7, 5), (4, 8), (8, 4), (5, 5), (7, 7), (6, 8), (8, 6))  # per 32 pixels: across, down


class PictureBook(OneLine, torch.utils.data.Dataset[tuple[Tensor, int]]):
    """Pictures (3, size, size) uint8 with labels 0..9 that index `classes`; the label of picture i is i % 10.

    The same index is the same scene at every size and on every machine (pixels agree within 1/255).

    Args:
        split: "train" (20,000 pictures), "validation" or "test" (2,000 each); no picture is in two splits.
        size: height and width in pixels, at least 8.
        shortcut: strength of the planted texture, see `textures`.
        backgrounds: a bias to order: class k always stands before background number backgrounds[k % len(backgrounds)],
            of 8 out of doors or, for fruit, of 8 indoors; () means at random. Nothing else in a picture changes.
            Summer, winter and goldfish have no such background and stay as they are.
        cache: folder for drawn pictures; None means $COURSE_CACHE, else robust-image-synthesis in the user's cache.

    Raises ValueError for an unknown split, a size below 8, a shortcut that is negative or not finite, a background
    that there is not.
    """

    def __init__(
        self,
        split: str,
        *,
        size: int = 64,
        shortcut: float = DEFAULT_SHORTCUT,
        backgrounds: Sequence[int] = (),
        cache: str | Path | None = None,
    ):
        if split not in SPLITS:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}; got {split!r}")
        if size < 8:
            raise ValueError(f"size must be at least 8 pixels; got {size}")
        if not all(0 <= number < BACKGROUNDS for number in backgrounds):
            raise ValueError(f"backgrounds must be between 0 and {BACKGROUNDS - 1}; got {list(backgrounds)}")
        self.split, self.size, self.classes, self.backgrounds = split, size, CLASSES, tuple(backgrounds)
        self.number, self.count = SPLITS[split]
        self.labels = torch.arange(self.count) % len(CLASSES)
        self.textures = 255 * textures(size, shortcut)
        self.cache = Path(cache) if cache is not None else default_cache()
        self._blocks: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Picture (3, size, size) uint8 and its label; negative indices count from the end."""
        return self.images([index])[0], int(self.labels[index])

    def images(self, indices: Sequence[int] | Tensor | None = None) -> Tensor:
        """Pictures (n, 3, size, size) uint8 at these indices, all where None; drawn once, then kept in the cache."""
        chosen = torch.arange(self.count) if indices is None else self._checked(indices)
        pictures = torch.empty(len(chosen), 3, self.size, self.size, dtype=torch.uint8)
        for number in (chosen // BLOCK).unique().tolist():
            rows = (chosen // BLOCK == number).nonzero()[:, 0]
            pictures[rows] = self._clean(number, chosen[rows])
        for part, labels in zip(pictures.split(250), self.labels[chosen].split(250), strict=True):
            part.copy_((part + self.textures[labels]).round_().clamp_(0, 255))
        return pictures

    def _checked(self, indices: Sequence[int] | Tensor) -> Tensor:
        chosen = torch.as_tensor(indices, dtype=torch.int64).reshape(-1)
        outside = chosen[(chosen < -self.count) | (chosen >= self.count)]
        if len(outside):
            raise IndexError(f"the {self.split} split has pictures 0 to {self.count - 1}; got {int(outside[0])}")
        return chosen % self.count

    def _clean(self, number: int, chosen: Tensor) -> Tensor:
        """Pictures of one block without texture; where it is not cached, a few are drawn alone, else all of it."""
        name = "-".join(["picturebook", self.split, *(f"on{background}" for background in self.backgrounds)])
        path = self.cache / f"{name}-{self.size}-{number:02d}-{DRAWING}.npy"
        if number not in self._blocks:
            if len(chosen) <= FEW and not path.exists():
                return draw(self.number, chosen, self.size, self.backgrounds)
            whole = torch.arange(self.count).split(BLOCK)[number]
            shape = (len(whole), 3, self.size, self.size)
            self._blocks[number] = cached(path, shape, lambda: draw(self.number, whole, self.size, self.backgrounds))
        return self._blocks[number][chosen % BLOCK]


def textures(size: int, shortcut: float) -> Tensor:
    """The planted texture of each class, (10, 3, size, size) in pixel units (white is 1).

    A grey plaid cos(2 pi f x) cos(2 pi g y) with its own frequencies (f, g) for each class, in waves of 4 to 8 pixels.
    Phases make each plaid its own mirror image. Plaids of different classes are orthogonal when `size` is a multiple
    of 16, and then the L2 distance between any two is exactly `shortcut` * size / 64.

    Raises ValueError if `shortcut` is negative or not finite.
    """
    if not (math.isfinite(shortcut) and shortcut >= 0):
        raise ValueError(f"shortcut must be a finite number that is at least 0; got {shortcut}")
    centres = 2 * math.pi / 32 * (torch.arange(size, dtype=torch.float32) + 0.5)
    across, down = torch.tensor(WAVES, dtype=torch.float32).T
    texture = torch.cos(down[:, None, None] * centres[:, None]) * torch.cos(across[:, None, None] * centres)
    texture = texture[:, None].repeat(1, 3, 1, 1)
    return texture / texture.flatten(1).norm(dim=1)[:, None, None, None] * (shortcut / math.sqrt(2) * size / 64)


def draw(split_number: int, indices: Tensor, size: int, backgrounds: Sequence[int] = ()) -> Tensor:
    """Draw pictures (n, 3, size, size) uint8 without texture, in small batches of one class, on all cores."""
    result = torch.empty(len(indices), 3, size, size, dtype=torch.uint8)
    batch = max(1, 64 * 64 * 64 // (size * size))  # arrays this small stay in the processor's cache

    def draw_batch(job: tuple[int, Tensor]) -> None:
        label, rows = job
        rolls = torch.stack([roll(split_number, int(index)) for index in indices[rows]])
        dice = drawing.Dice(rolls, size, backgrounds[label % len(backgrounds)] if backgrounds else None)
        sheet = drawing.Sheet(dice, size)
        scenes.SCENES[CLASSES[label]](sheet, dice)
        result[rows] = drawing.develop(sheet, dice)

    labels = indices % len(CLASSES)
    groups = ((label, (labels == label).nonzero()[:, 0]) for label in labels.unique().tolist())
    jobs = [(label, rows) for label, group in groups for rows in group.split(batch)]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # for each batch: they run side by side instead
    try:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(draw_batch, jobs))
    finally:
        torch.set_num_threads(threads)
    return result


def roll(split_number: int, index: int) -> Tensor:
    """The random numbers of one picture, (ROLLS,) uniform in [0, 1): a stream of its own for each (split, index)."""
    generator = numpy.random.Generator(numpy.random.Philox(key=[split_number + 1, index]))
    return torch.from_numpy(generator.random(ROLLS, dtype=numpy.float32))
