"""Batch norm over a batch that several processes share, on CPUs as on GPUs."""

from typing import Any

import torch
import torch.distributed
from torch import Tensor, nn


def averaged(own: Tensor) -> Tensor:
    """The mean of a tensor over all processes."""
    total = own.contiguous().clone()
    torch.distributed.all_reduce(total)
    return total / torch.distributed.get_world_size()


class Mean(torch.autograd.Function):
    """`averaged`, with its gradient: every process has its share in what all of them see."""

    @staticmethod
    def forward(context: Any, own: Tensor) -> Tensor:
        return averaged(own)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return averaged(gradient)


class WholeBatchNorm(nn.BatchNorm2d):
    """Batch norm that in training takes mean and variance over the pictures of all processes, equally many of each.

    torch's SyncBatchNorm does that on GPUs alone. At rest (the attack, evaluation) it is plain batch norm.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        x = input.to(torch.promote_types(input.dtype, self.weight.dtype))  # out of half precision
        own_variance, own_mean = torch.var_mean(x, (0, 2, 3), correction=0)
        mean = Mean.apply(own_mean)
        variance = Mean.apply(own_variance + (own_mean - mean).square())
        count, kept = torch.distributed.get_world_size() * x[:, 0].numel(), vars(self)["_buffers"]
        kept["num_batches_tracked"] += 1
        kept["running_mean"].lerp_(mean.detach(), self.momentum or 0.0)
        kept["running_var"].lerp_(variance.detach() * count / (count - 1), self.momentum or 0.0)  # unbiased, as torch's
        scale = self.weight * (variance + self.eps).rsqrt()
        normal = (x - mean[:, None, None]) * scale[:, None, None] + self.bias[:, None, None]
        return normal.to(input.dtype)
