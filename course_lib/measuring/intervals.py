"""How sure are we: shares and means with their 95% intervals."""

import math
from typing import Any

import torch
from torch import Tensor

Z95 = 1.959964  # of the standard normal distribution: 95% lie between -Z95 and Z95


def wilson(hits: Tensor) -> list[float]:
    """A share with its Wilson 95% interval: booleans (N,) -> [share, low, high]."""
    count, share = len(hits), hits.float().mean().item()
    middle = (share + Z95**2 / (2 * count)) / (1 + Z95**2 / count)
    half = Z95 / (1 + Z95**2 / count) * math.sqrt(share * (1 - share) / count + Z95**2 / (4 * count**2))
    return [share, max(0.0, middle - half), min(1.0, middle + half)]


def bootstrap(values: Tensor, *, rounds: int = 2000, seed: int = 0) -> list[float]:
    """A mean with its bootstrap 95% interval: (N,) -> [mean, low, high]."""
    values = values.float().cpu()
    means = values[resampled(len(values), rounds, seed)].mean(1)
    low, high = means.quantile(torch.tensor([0.025, 0.975])).tolist()
    return [values.mean().item(), low, high]


def resampled(count: int, rounds: int, seed: int) -> Tensor:
    """Draws of `count` indices with replacement, (rounds, count)."""
    return torch.randint(count, (rounds, count), generator=torch.Generator().manual_seed(seed))


def rounded(value: Any, digits: int = 4) -> Any:
    """Numbers as files keep them, wherever they stand in lists and dictionaries."""
    if isinstance(value, dict):
        return {key: rounded(part, digits) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part, digits) for part in value]
    return round(value, digits) if isinstance(value, float) else value
