"""Networks and `prepare`: the same function, cheaper, and gradients without checkerboards."""

import copy
from collections.abc import Callable
from functools import cache

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from course_lib.imagenet.robustness import ForeignClassifier, import_robustness
from course_lib.models import Block, Classifier, mixer_network, plain_network, residual_network
from course_lib.prepared import best_device, prepare
from course_lib.testbeds.weights import load_model

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "residual": lambda: residual_network((6, 8, 8), 5),
    "plain": lambda: plain_network((6, 8), 5),
    "mixer": lambda: mixer_network((6, 8, 8), 5, halvings=2),
    "torchvision": lambda: torchvision.models.resnet18(weights=None, num_classes=5),
}


def build(name: str, seed: int = 0) -> nn.Module:
    """A network of a test's own."""
    return copy.deepcopy(initialised(name, seed))


@cache
def initialised(name: str, seed: int) -> nn.Module:
    """A network with random batch-norm parameters and statistics: at their defaults folding shows little."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = NETWORKS[name]().double()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.5)
                module.running_var.uniform_(0.3, 3)
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, 0, 0.3)
        return model.eval()


def pictures(count: int = 2, size: int = 32) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def input_gradient(function: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    images = images.clone().requires_grad_()
    return torch.autograd.grad(function(images)[:, 0].sum(), images)[0]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_prepared_copy_is_the_same_function(name: str) -> None:
    model, images = build(name), pictures()
    prepared = prepare(model, device="cpu")
    with torch.no_grad():
        torch.testing.assert_close(prepared(images), model(images), rtol=1e-10, atol=1e-10)
    expected = input_gradient(model, images)
    torch.testing.assert_close(
        input_gradient(prepared, images), expected, rtol=0, atol=1e-9 * expected.abs().max().item()
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_a_prepared_copy_is_frozen_and_has_no_batch_norm_left(name: str) -> None:
    prepared = prepare(build(name).train(), device="cpu")
    assert not any(parameter.requires_grad for parameter in prepared.parameters())
    assert not any(module.training for module in prepared.modules())
    assert not any(isinstance(module, nn.BatchNorm2d) for module in prepared.modules())
    kernels = [module.weight for module in prepared.modules() if isinstance(module, nn.Conv2d)]
    assert kernels
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_original_stays_as_it_was(name: str) -> None:
    model = build(name).train()
    before = copy.deepcopy(model.state_dict())
    strides = [parameter.stride() for parameter in model.parameters()]
    prepare(model, device="cpu")(pictures())
    assert all(module.training for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert [parameter.stride() for parameter in model.parameters()] == strides
    after = model.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[key], before[key]) for key in before)


def test_preparing_twice_changes_nothing_more() -> None:
    once = prepare(build("residual"), device="cpu")
    twice = prepare(once, device="cpu")
    assert all(torch.equal(a, b) for a, b in zip(once.parameters(), twice.parameters(), strict=True))


def test_only_a_batch_norm_right_after_a_convolution_is_folded() -> None:
    """Whatever else a network does with batch norm must keep its meaning."""
    model = (
        nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1))
        .double()
        .eval()
    )
    model[0].running_mean.fill_(0.3)
    model[3].running_var.fill_(2.0)
    prepared = prepare(model, device="cpu")
    assert sum(isinstance(module, nn.BatchNorm2d) for module in prepared.modules()) == 2
    torch.testing.assert_close(prepared(pictures()), model(pictures()))


def test_a_model_goes_to_the_best_device_unless_told_otherwise() -> None:
    assert next(prepare(build("residual")).parameters()).device.type == best_device().type
    assert next(prepare(build("residual"), device="cpu").parameters()).device.type == "cpu"


@pytest.mark.parametrize("kind", ["residual", "plain", "shipped", "foreign"])
def test_in_bfloat16_answers_and_gradients_are_nearly_the_same_and_in_float32(kind: str) -> None:
    networks = {"shipped": lambda: load_model("picturebook-robust"), "foreign": foreign}
    exact = prepare(networks.get(kind, lambda: build(kind).float())(), device="cpu")
    half = prepare(exact, device="cpu", precision=torch.bfloat16)
    images = pictures(4, exact.size or 32).float()
    for seen in (lambda model: model, lambda model: model.features):
        wanted, got = seen(exact)(images), seen(half)(images)
        assert got.dtype == torch.float32
        assert not torch.equal(got, wanted)
        torch.testing.assert_close(got, wanted, rtol=0, atol=0.03 * wanted.abs().max().item())
        gradient, known = (input_gradient(together(seen(model)), images) for model in (half, exact))
        assert gradient.dtype == torch.float32
        angles = F.cosine_similarity(gradient.flatten(1), known.flatten(1))
        assert angles.min() > 0.98
    torch.testing.assert_close(half.head(half.features(images)), half(images), rtol=0, atol=1e-2)
    assert torch.equal(half.head.weight, exact.head.weight)
    assert all(parameter.dtype == torch.float32 for parameter in exact.parameters()), "the original is untouched"
    again = prepare(half, device="cpu", precision=torch.bfloat16)
    assert torch.equal(again(images), half(images))
    torch.testing.assert_close(again.double()(images.double()), exact.double()(images.double()), rtol=0, atol=0.05)


def together(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The sum of some answers: a single one may be off."""
    return lambda images: function(images)[:, :5].sum(1, keepdim=True)


def foreign() -> nn.Module:
    """A network of the `robustness` package, with batch statistics of its own answers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = import_robustness("robustness.cifar_models").resnet18(num_classes=10)
    model = ForeignClassifier(network, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    model.train()(pictures(8).float())
    return model


def test_only_a_classifier_computes_in_bfloat16_and_only_two_precisions_are_known() -> None:
    with pytest.raises(TypeError, match=r"^expected a Classifier to compute in bfloat16, got ResNet$"):
        prepare(build("torchvision"), precision=torch.bfloat16)
    with pytest.raises(ValueError, match=r"^expected a precision of torch.float32 or .*, got torch.float16$"):
        prepare(build("residual"), precision=torch.float16)


@pytest.mark.parametrize("name", ["residual", "plain"])
@pytest.mark.parametrize("prepared", [False, True], ids=["raw", "prepared"])
def test_logits_are_the_head_of_the_features(name: str, prepared: bool) -> None:
    model = prepare(build(name), device="cpu") if prepared else build(name)
    features = model.features(pictures())
    assert features.shape == (2, 8)
    torch.testing.assert_close(model(pictures()), F.linear(features, model.head.weight, model.head.bias))
    assert model(pictures()).shape == (2, 5)


def test_normalisation_lives_inside() -> None:
    mean, std = (0.1, 0.4, 0.7), (0.2, 0.3, 0.5)
    head = nn.Linear(3, 2)
    model = Classifier(nn.Identity(), head, mean=mean, std=std, activation=nn.Identity())
    images = pictures().float()
    by_hand = torch.stack([(images[:, c] - mean[c]).mean((1, 2)) / std[c] for c in range(3)], dim=1)
    torch.testing.assert_close(model.features(images), by_hand)
    torch.testing.assert_close(model(images), head(by_hand))
    assert {"mean", "std"} <= model.state_dict().keys(), "a weight file must carry its normalisation"


@pytest.mark.parametrize("name", ["residual", "plain"])
def test_straight_through_reaches_units_that_are_off(name: str) -> None:
    """Push every feature far below 0: the true gradient vanishes there, the straight-through one does not."""
    model, images = build(name), pictures()
    last = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)][-1]
    nn.init.constant_(last.bias, -200.0)
    torch.testing.assert_close(
        model.features(images, straight_through=True), model.features(images), rtol=0, atol=1e-12
    )
    assert input_gradient(model.features, images).abs().max() < 1e-12
    through = input_gradient(lambda x: model.features(x, straight_through=True), images)
    linear = input_gradient(lambda x: model.body((x - model.mean) / model.std).mean((2, 3)), images)
    assert through.abs().max() > 1e-6
    torch.testing.assert_close(through, linear)


def test_images_of_any_size_pass() -> None:
    for name in ("residual", "plain"):
        assert build(name)(pictures(1, 24)).shape == (1, 5)


def strided_counterpart(model: Classifier) -> Classifier:
    """The same weights, but resolution is halved by strides instead of by averaging."""
    counterpart = copy.deepcopy(model)
    for block in counterpart.modules():
        if isinstance(block, Block):
            block.conv1.stride, block.halve = (2, 2), False
            if isinstance(block.skip, nn.Conv2d):
                block.skip.stride = (2, 2)
            else:
                block.skip = nn.AvgPool2d(1, stride=2)
    return counterpart


def checkerboard_share(model: nn.Module, images: Tensor) -> float:
    """The share of the gradient's energy in patterns that repeat every two pixels: stripes and the checkerboard."""
    spectrum = torch.fft.fft2(input_gradient(model, images)).abs().square().sum((0, 1))
    middle = len(spectrum) // 2
    return ((spectrum[middle, 0] + spectrum[0, middle] + spectrum[middle, middle]) / spectrum.sum()).item()


def test_gradients_have_no_checkerboard() -> None:
    """Averaged over random initialisations, at most half the share of a strided counterpart (measured: a twentieth)."""
    networks = [initialised("residual", seed) for seed in range(8)]
    images = pictures(8)
    ours = sum(checkerboard_share(network, images) for network in networks)
    counterparts = sum(checkerboard_share(strided_counterpart(network), images) for network in networks)
    assert ours < 0.5 * counterparts
