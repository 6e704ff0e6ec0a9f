"""Batch norm over a batch that several processes share, on CPUs as on GPUs."""

from typing import Any

import torch
import torch.distributed
from torch import Tensor, nn


class Gather(torch.autograd.Function):
    """A tensor of every process, (...) -> (processes, ...); the gradient of each is the sum over all that used it."""

    @staticmethod
    def forward(context: Any, own: Tensor) -> Tensor:
        everyones = [torch.empty_like(own) for _ in range(torch.distributed.get_world_size())]
        torch.distributed.all_gather(everyones, own.contiguous())
        return torch.stack(everyones)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        torch.distributed.all_reduce(total)
        return total[torch.distributed.get_rank()]


class WholeBatchNorm(nn.BatchNorm2d):
    """Batch norm that in training takes mean and variance over the pictures of all processes, equally many of each.

    torch's SyncBatchNorm does that on GPUs alone. At rest (the attack, evaluation) it is plain batch norm.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        x = input.to(torch.promote_types(input.dtype, self.weight.dtype))  # out of half precision
        variances, means = Gather.apply(torch.stack(torch.var_mean(x, (0, 2, 3), correction=0))).unbind(1)
        mean = means.mean(0)
        variance = (variances + (means - mean).square()).mean(0)
        self._follow(mean.detach(), variance.detach(), len(means) * x[:, 0].numel())
        scale = self.weight * (variance + self.eps).rsqrt()
        normal = (x - mean[:, None, None]) * scale[:, None, None] + self.bias[:, None, None]
        return normal.to(input.dtype)

    def _follow(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running statistics, with the unbiased variance, as torch does."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum or 0.0)
        self.running_var.lerp_(variance * count / (count - 1), self.momentum or 0.0)
