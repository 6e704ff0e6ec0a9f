"""How good is a result, and how sure are we: shares and means with 95% intervals."""

import math

import torch
from torch import Tensor, nn

Z95 = 1.959964


def wilson(hits: Tensor) -> list[float]:
    """A share with its Wilson 95% interval: booleans (N,) -> [share, low, high]."""
    count, share = len(hits), hits.float().mean().item()
    middle = (share + Z95**2 / (2 * count)) / (1 + Z95**2 / count)
    half = Z95 / (1 + Z95**2 / count) * math.sqrt(share * (1 - share) / count + Z95**2 / (4 * count**2))
    return [round(value, 4) for value in (share, max(0.0, middle - half), min(1.0, middle + half))]


def bootstrap(values: Tensor, *, rounds: int = 2000, seed: int = 0) -> list[float]:
    """A mean with its bootstrap 95% interval: (N,) -> [mean, low, high]."""
    generator, values = torch.Generator().manual_seed(seed), values.float().cpu()
    means = torch.stack(
        [values[torch.randint(len(values), (len(values),), generator=generator)].mean() for _ in range(rounds)]
    )
    low, high = means.quantile(torch.tensor([0.025, 0.975])).tolist()
    return [round(value, 4) for value in (values.mean().item(), low, high)]


@torch.no_grad()
def judged(judge: nn.Module, images: Tensor, labels: Tensor, *, batch_size: int = 100) -> Tensor:
    """Which images the judge assigns to the wanted class: (N, 3, H, W) and (N,) -> (N,) booleans."""
    answers = torch.cat([judge(part).argmax(1) for part in images.split(batch_size)])
    return answers == labels
