"""A frozen and fused copy of a model, for synthesis: same function, cheaper gradients to the input."""

import copy
import itertools
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from course_lib.models import Classifier
from course_lib.one_line import OneLine

Model = TypeVar("Model", bound=nn.Module)


class Bfloat16(OneLine, nn.Module):
    """A network that computes with 8 bits of precision and the range of float32; what comes and goes is as before."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.to(torch.bfloat16)

    def forward(self, images: Tensor, **keywords: Any) -> Tensor | tuple[Tensor, ...]:
        own = next(self.network.parameters()).dtype  # bfloat16, until somebody says `.double()`
        answer: Tensor | tuple[Tensor, ...] = self.network(images.to(own), **keywords)
        if isinstance(answer, tuple):
            return tuple(part.to(images.dtype) for part in answer)
        return answer.to(images.dtype)


def compute_in_bfloat16(model: Classifier) -> None:
    """The body computes in bfloat16. The head stays in float32, also where it is a part of the body."""
    if isinstance(model.body, Bfloat16):
        return
    exact = copy.deepcopy(model.head.state_dict())
    model.body = Bfloat16(model.body).train(model.training)
    model.head.float().load_state_dict(exact)
    model.head.register_forward_pre_hook(converted)


def converted(layer: nn.Linear, inputs: tuple[Tensor]) -> tuple[Tensor]:
    """The inputs of a layer, in the precision of its weights."""
    return (inputs[0].to(layer.weight.dtype),)


@torch.inference_mode(False)
def prepare(model: Model, *, device: torch.device | str | None = None, precision: torch.dtype = torch.float32) -> Model:
    """A frozen copy of a model for synthesis: same function, cheaper gradients to the input.

    Evaluation mode, no parameter gradients, batch norm folded into the convolution before it, channels-last memory, and
    on the best device. The original is untouched.

    With `precision=torch.bfloat16` the body of a `Classifier` computes in that, in half to three quarters of the time
    on a processor that has it, more slowly on others. Its head, pictures, steps and losses stay in float32.
    """
    model = copy.deepcopy(model).eval().requires_grad_(False)
    for module in model.modules():
        fold_batch_norm(module)
    if precision == torch.bfloat16:
        if not isinstance(model, Classifier):
            raise TypeError(f"expected a Classifier to compute in bfloat16, got {type(model).__name__}")
        compute_in_bfloat16(model)
    elif precision != torch.float32:
        raise ValueError(f"expected a precision of torch.float32 or torch.bfloat16, got {precision}")
    return model.to(device or best_device()).to(memory_format=torch.channels_last)


def fold_batch_norm(module: nn.Module) -> None:
    """Fold each batch norm that directly follows a convolution among the children of `module` into that convolution."""
    for (name, conv), (next_name, norm) in itertools.pairwise([*module.named_children()]):
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            setattr(module, name, fuse_conv_bn_eval(conv, norm))
            setattr(module, next_name, nn.Identity().eval())


def best_device() -> torch.device:
    """An NVIDIA GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_bfloat16(device: torch.device | str | None = None) -> bool:
    """Whether a device, else the best one, computes in bfloat16 by itself: by AVX512-BF16 or AMX, where it is a CPU."""
    if torch.device(device or best_device()).type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
