"""The pictures of each training step: which ones, and how they are varied.

Random numbers depend on (seed, step) only. They are drawn on the CPU; the pictures are varied where they are.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.pixels import shrink
from course_lib.training.recipe import Recipe


def seeded(seed: int, step: int, *, stream: int, device: str = "cpu") -> torch.Generator:
    """A generator for one purpose (`stream`) at one step of one run."""
    return torch.Generator(device).manual_seed((seed * 1_000_003 + step) * 4 + stream)


def batch(recipe: Recipe, images: Tensor, labels: Tensor, *, step: int) -> tuple[Tensor, Tensor]:
    """The batch of step `step`, in [0, 1]: every epoch has a new order, every picture is varied at random."""
    per_epoch = len(images) // recipe.batch_size
    epoch, position = divmod(step, per_epoch)
    order = torch.randperm(len(images), generator=seeded(recipe.seed, epoch, stream=2))
    chosen = order[position * recipe.batch_size :][: recipe.batch_size].to(images.device)
    generator = seeded(recipe.seed, step, stream=3)
    pixels, labels = augment(recipe, images[chosen], generator), labels.to(images.device)[chosen]
    pixels = shrink(pixels, recipe.shrink(step / (recipe.epochs * per_epoch)))
    nothing = int(recipe.nothing * len(pixels))
    if nothing:
        pixels[:nothing] = scramble(pixels[:nothing], generator)
        labels[:nothing] = recipe.classes - 1
    return pixels, labels


def augment(recipe: Recipe, images: Tensor, generator: torch.Generator) -> Tensor:
    """Random flips, crops, shifts (with mirrored borders), colours and noise, as the recipe says: uint8 -> float."""
    count = len(images)
    pixels = images.float().div_(255)
    if recipe.flips:
        mirrored = (torch.rand(count, generator=generator) < 0.5).to(pixels.device)
        pixels[mirrored] = pixels[mirrored].flip(3)
    if recipe.crop < 1:
        pixels = random_crops(pixels, recipe.size, smallest=recipe.crop, generator=generator)
    if recipe.padding:
        height, width = pixels.shape[-2:]
        padded = F.pad(pixels, (recipe.padding,) * 4, mode="reflect")
        shifts = torch.randint(0, 2 * recipe.padding + 1, (count, 2), generator=generator).tolist()
        pixels = torch.stack(
            [picture[:, y : y + height, x : x + width] for picture, (y, x) in zip(padded, shifts, strict=True)]
        )
    if recipe.colour:
        pixels = random_colours(pixels, recipe.colour, generator=generator)
    if recipe.noise:
        levels = recipe.noise * torch.rand(count, 1, 1, 1, generator=generator)
        noise = levels * torch.randn(pixels.shape, generator=generator)
        pixels = (pixels + noise.to(pixels.device)).clamp_(0, 1)
    return pixels.contiguous(memory_format=torch.channels_last)


def random_crops(pixels: Tensor, size: int, *, smallest: float, generator: torch.Generator) -> Tensor:
    """A random window of each picture, (B, 3, H, W) -> (B, 3, size, size): `smallest` to all of its area, with an
    aspect ratio of 3:4 to 4:3 as far as the picture allows (the field's random resized crop)."""
    uniform = torch.rand(4, len(pixels), generator=generator)
    area, ratio = smallest + (1 - smallest) * uniform[0], (4 / 3) ** (2 * uniform[1] - 1)
    extent = torch.stack([(area * ratio).sqrt(), (area / ratio).sqrt()], 1).clamp(max=1)  # shares of width and height
    centre = (1 - extent) * (2 * uniform[2:].T - 1)  # in [-1, 1], as grid_sample counts
    window = torch.cat([torch.diag_embed(extent), centre[:, :, None]], 2)
    places = F.affine_grid(window.to(pixels.device), [len(pixels), 3, size, size], align_corners=False)
    return F.grid_sample(pixels, places, align_corners=False, padding_mode="reflection")


def random_colours(pixels: Tensor, strength: float, *, generator: torch.Generator) -> Tensor:
    """Brightness, contrast and saturation of each picture times a factor of 1 - strength to 1 + strength."""
    factors = 1 + strength * (2 * torch.rand(3, len(pixels), 1, 1, 1, generator=generator) - 1)
    brightness, contrast, saturation = factors.to(pixels.device)
    grey = pixels.mean(1, keepdim=True)
    pixels = grey + saturation * (pixels - grey)
    level = pixels.mean((1, 2, 3), keepdim=True)
    return (brightness * (level + contrast * (pixels - level))).clamp_(0, 1)


def scramble(pixels: Tensor, generator: torch.Generator, *, block: int = 8) -> Tensor:
    """Pictures of nothing, made of pictures of something: (B, 3, H, W) in [0, 1] both.

    A third keeps its spectrum and loses its phases, a third keeps its blocks and loses their order, a third drowns in
    noise.
    """
    count, _, height, width = pixels.shape
    noise = torch.rand(pixels.shape, generator=generator).to(pixels.device)
    phases = torch.fft.rfft2(noise[:, :1]).angle()
    clouds = torch.fft.irfft2(torch.fft.rfft2(pixels) * torch.exp(1j * phases), s=(height, width)).clamp(0, 1)
    tiles = F.unfold(pixels, block, stride=block)
    tiles = tiles[:, :, torch.randperm(tiles.shape[2], generator=generator).to(pixels.device)]
    shuffled = F.fold(tiles, (height, width), block, stride=block)
    share = 0.5 + 0.5 * torch.rand(count, 1, 1, 1, generator=generator).to(pixels.device)
    drowned = share * noise + (1 - share) * clouds
    kind = torch.arange(count, device=pixels.device).view(-1, 1, 1, 1) % 3
    return torch.where(kind == 0, clouds, torch.where(kind == 1, shuffled, drowned))
