"""PSNR, the Inception Score and the Frechet distance against formulas and programs that are not ours."""

import math
import pickle
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg
from torch import Tensor, nn

from course_lib.measuring import inception
from course_lib.measuring.judging import certainty, judged, outputs
from course_lib.measuring.scores import (
    frechet,
    frechet_distance,
    inception_score,
    low_frequency_share,
    perceptual_distance,
    psnr,
)
from tests.tools import tiny

seeds = st.integers(0, 10_000)


def identity(numbers: Tensor) -> Tensor:
    return numbers


def normal(count: int, width: int, *, seed: int = 0, rank: int | None = None) -> Tensor:
    """(count, width) draws of a normal whose covariance has this rank, in double precision."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(rank or width, width, generator=generator, dtype=torch.double) / width**0.5
    return torch.randn(count, len(mixing), generator=generator, dtype=torch.double) @ mixing + 0.3


def noisy(images: Tensor, strength: float, *, seed: int = 1) -> Tensor:
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed), dtype=images.dtype)
    return (images + strength * noise).clamp(0, 1)


def test_outputs_come_in_batches_without_gradients():
    sizes = []

    def network(images: Tensor) -> Tensor:
        assert not torch.is_grad_enabled()
        sizes.append(len(images))
        return images.mean((2, 3))

    images = tiny.images(5)
    assert torch.equal(outputs(network, images, batch_size=2), images.mean((2, 3)))
    assert sizes == [2, 2, 1]


def test_certainty_is_the_probability_of_the_wanted_class():
    logits = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]])
    known = certainty(lambda _: logits, tiny.images(2), torch.tensor([1, 0]))
    torch.testing.assert_close(known, torch.tensor([0.75, 0.5]))
    network, images = tiny.network(), tiny.images(20)
    best = judged(network, images, network(images).argmax(1))
    assert best.all()
    assert (certainty(network, images, network(images).argmax(1)) > 1 / tiny.CLASSES).all()


def test_low_frequency_share_tells_shape_from_texture():
    places = torch.arange(32)

    def wave(cycles: int) -> Tensor:
        return torch.cos(2 * torch.pi * cycles * places / 32).expand(1, 3, 32, 32)

    assert low_frequency_share(torch.ones(1, 3, 32, 32)) == pytest.approx(1)
    assert low_frequency_share(wave(4)) == pytest.approx(1)  # 4 / 32 is the cut
    assert low_frequency_share(wave(4).mT) == pytest.approx(1)
    assert low_frequency_share(wave(5)) == pytest.approx(0, abs=1e-6)
    assert low_frequency_share(wave(5).mT) == pytest.approx(0, abs=1e-6)
    assert low_frequency_share(wave(5), cut=0.2) == pytest.approx(1)
    assert low_frequency_share(wave(2) + 3 * wave(9)) == pytest.approx(0.1, rel=1e-4)


@pytest.mark.parametrize(("difference", "decibels"), [(1.0, 0.0), (0.1, 20.0), (0.01, 40.0), (0.5, 20 * math.log10(2))])
def test_psnr_of_a_constant_difference(difference, decibels):
    truth = torch.zeros(2, 3, 4, 4).double()
    torch.testing.assert_close(psnr(truth + difference, truth), torch.full((2,), decibels).double())


def test_psnr_is_of_each_image_and_finite_where_images_are_equal():
    truth = torch.zeros(3, 3, 4, 4)
    images = truth + torch.tensor([0.1, 0.01, 0.0]).view(3, 1, 1, 1)
    torch.testing.assert_close(psnr(images, truth), torch.tensor([20.0, 40.0, 120.0]))


def test_psnr_with_a_mask_looks_only_inside_it():
    truth, mask = torch.zeros(2, 3, 4, 4), torch.zeros(2, 1, 4, 4)
    mask[0, :, :2], mask[1, :, 3, 3] = 1, 1
    images = torch.where(mask.bool(), 0.1, 0.9).expand_as(truth)
    torch.testing.assert_close(psnr(images, truth, mask), torch.tensor([20.0, 20.0]))
    torch.testing.assert_close(psnr(images, truth, torch.ones(2, 1, 4, 4)), psnr(images, truth))
    torch.testing.assert_close(psnr(0.1 * mask.expand_as(truth), truth)[1], torch.tensor(20 + 10 * math.log10(16)))


@pytest.mark.parametrize("sharpness", [50.0, 1e4])  # at 1e4, all other probabilities are 0 in any precision
@pytest.mark.parametrize("classes", [2, 10])
def test_certain_answers_of_every_class_score_the_number_of_classes(classes, sharpness):
    score, low, high = inception_score(identity, sharpness * torch.eye(classes).repeat(40, 1))
    assert (score, high) == pytest.approx((classes, classes))
    assert 0.9 * classes < low < classes


def test_answers_that_never_differ_score_one():
    same = torch.tensor([[3.0, -1.0, 0.5]]).expand(50, 3)
    assert inception_score(identity, same) == [1.0, 1.0, 1.0]
    assert inception_score(identity, 1e4 * torch.eye(3)[[1] * 50]) == [1.0, 1.0, 1.0]


@given(seeds, st.integers(2, 40), st.integers(2, 6), st.floats(0, 20))
def test_the_score_is_its_formula_and_lies_between_one_and_the_number_of_classes(seed, count, classes, sharpness):
    logits = sharpness * torch.randn(count, classes, generator=torch.Generator().manual_seed(seed))
    p = np.exp(logits.double().numpy() - linalg.norm(logits, np.inf))
    p = p / p.sum(1, keepdims=True) + 1e-300
    entropy = -(p * np.log(p)).sum(1).mean()
    marginal = p.mean(0)
    expected = math.exp(-(marginal * np.log(marginal)).sum() - entropy)
    score, low, high = inception_score(identity, logits, rounds=5)
    assert score == pytest.approx(expected, abs=1e-4)
    assert 1 - 1e-4 <= score <= classes + 1e-4
    assert 1 <= low <= high <= classes


def test_the_interval_of_the_score_covers_the_truth_about_as_often_as_it_says():
    def draws(count: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        kinds = torch.arange(count) % 4  # as many pictures of each class: nearly no bias
        return 3 * torch.eye(4)[kinds] + 2 * torch.randn(count, 4, generator=generator)

    truth = inception_score(identity, draws(200_000, 0), rounds=0)[0]
    intervals = [inception_score(identity, draws(200, seed), rounds=100)[1:] for seed in range(1, 81)]
    covered = sum(low <= truth <= high for low, high in intervals) / len(intervals)
    assert covered >= 0.9


def test_the_score_is_deterministic_and_leaves_the_global_seed_alone():
    logits = normal(30, 4)
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first = inception_score(identity, logits, rounds=20)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert inception_score(identity, logits, rounds=20) == first
    assert inception_score(identity, logits, rounds=20, seed=1)[1:] != first[1:]


def by_square_root(real: Tensor, fake: Tensor) -> float:
    """The closed form for two normals, with scipy's matrix square root, as in the code of Heusel et al. 2017."""
    covariances = [np.cov(x.double().numpy(), rowvar=False) for x in (real, fake)]
    root = linalg.sqrtm(covariances[0] @ covariances[1])
    means = (real.double().mean(0) - fake.double().mean(0)).square().sum().item()
    return float(means + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * np.trace(root).real)


def by_singular_values(real: Tensor, fake: Tensor) -> float:
    """The same without a covariance or a root: tr((S1 S2)^(1/2)) is the sum of the singular values of X Y' (the centred
    rows, over the roots of N - 1 and M - 1), at any rank."""
    x, y = ((f.double() - f.double().mean(0)) / (len(f) - 1) ** 0.5 for f in (real, fake))
    means = (real.double().mean(0) - fake.double().mean(0)).square().sum()
    return (means + x.square().sum() + y.square().sum() - 2 * torch.linalg.svdvals(x @ y.T).sum()).item()


@given(seeds, st.integers(1, 6))
def test_the_distance_is_the_closed_form(seed, width):
    real, fake = normal(40, width + 1, seed=seed), 1.5 * normal(50, width + 1, seed=seed + 1) - 0.4
    assert frechet(real, fake) == pytest.approx(by_square_root(real, fake), abs=1e-8)
    assert frechet(real, fake) == pytest.approx(by_singular_values(real, fake), abs=1e-8)
    assert frechet(real, fake) == pytest.approx(frechet(fake, real), abs=1e-8)


def test_normals_that_differ_in_one_thing_have_the_distance_of_the_textbook():
    base = normal(500, 3)
    base = base - base.mean(0)
    assert frechet(base, base + torch.tensor([0.0, 3.0, 4.0])) == pytest.approx(25)  # the means' distance, squared
    spread = base.var(0).sum().item()
    assert frechet(base, 3 * base) == pytest.approx((3 - 1) ** 2 * spread)  # (s1 - s2)^2 along every axis
    assert frechet(base, base @ torch.eye(3, dtype=torch.double)[[1, 2, 0]]) > 0


@pytest.mark.parametrize("width", [128, 256])
@pytest.mark.parametrize(("count", "rank"), [(50, None), (100, None), (200, None), (300, 20), (300, None)])
def test_the_distance_is_accurate_where_covariances_have_no_full_rank(width, count, rank):
    """As many features as the judges have, and fewer pictures than that."""
    real, fake = normal(count, width, rank=rank), (1.1 * normal(count, width, seed=1, rank=rank)).relu()
    expected = by_singular_values(real, fake)
    assert frechet(real, fake) == pytest.approx(expected, abs=1e-5 * width)
    assert frechet(real.float(), fake.float()) == pytest.approx(expected, rel=1e-5)  # what networks give
    assert frechet(real, real) == pytest.approx(0, abs=1e-5 * width)


@given(seeds)
def test_the_distance_falls_with_the_number_of_pictures_and_is_nought_for_the_same(seed):
    pictures = normal(240, 8, seed=seed)
    whole, half = frechet_distance(identity, pictures[:120], pictures[120:])
    assert 0 < whole < half
    assert frechet_distance(identity, pictures, pictures)[0] == pytest.approx(0, abs=1e-9)


def test_the_half_distance_is_the_mean_over_two_random_halves_that_share_nothing():
    real, fake = normal(9, 2), normal(12, 2, seed=1)  # an odd number as well
    order = torch.Generator().manual_seed(4)
    first, second = torch.randperm(9, generator=order), torch.randperm(12, generator=order)
    parts = [(real[first][:4], fake[second][:6]), (real[first][4:], fake[second][6:])]
    expected = [by_square_root(real, fake), sum(by_square_root(*part) for part in parts) / 2]
    assert frechet_distance(identity, real, fake, seed=4) == pytest.approx(expected, abs=1e-4)
    assert frechet_distance(identity, real, fake, seed=4) == frechet_distance(identity, real, fake, seed=4)
    assert frechet_distance(identity, real, fake, seed=5)[1] != frechet_distance(identity, real, fake, seed=4)[1]


def test_the_distance_takes_a_networks_features_in_single_precision():
    network, images = tiny.network().float(), tiny.images(40).float()
    real, fake = (network.features(part).double() for part in images.split(20))
    measured = frechet_distance(network.features, images[:20], images[20:])
    assert measured[0] == pytest.approx(by_singular_values(real, fake), abs=2e-4)


@pytest.mark.parametrize("shape", [(3, 4), (8,), (8, 2, 2)])
def test_the_distance_refuses_what_is_no_set_of_features(shape):
    with pytest.raises(ValueError, match=r"^expected (features .* of at least 4 pictures|pictures \(B, 3, ).*, got"):
        frechet_distance(identity, torch.zeros(8, 4), torch.zeros(shape))


def test_torchmetrics_is_imported_only_when_a_score_is_asked_for():
    program = "import course_lib.measuring.scores, course_lib.measuring.inception, sys; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"torchmetrics", "matplotlib", "scipy"} & set(ran.stdout.split())


@pytest.fixture
def torch_fidelity(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the package, with a network of its shape."""

    class Extractor(nn.Module):
        def __init__(self, name: str, layers: list[str], path: str) -> None:
            super().__init__()
            assert layers == ["2048", "logits_unbiased"]
            self.scale = torch.load(path, weights_only=False)["scale"]

        def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
            assert images.dtype == torch.uint8
            means = images.double().mean((2, 3)) * self.scale
            return torch.cat([means, means.square()], 1), means

    package = types.SimpleNamespace(FeatureExtractorInceptionV3=Extractor)
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", package)


def test_inception_serves_both_scores(torch_fidelity, tmp_path):
    torch.save({"scale": torch.tensor(0.1)}, tmp_path / "weights.pth")
    network = inception.load_inception(tmp_path / "weights.pth")
    images = torch.tensor([0.0, 0.5, 1.0, 2.0]).view(4, 1, 1, 1).expand(4, 3, 8, 8)
    assert network(images)[:, 0].tolist() == pytest.approx([0, 12.8, 25.5, 25.5])
    assert network.features(images).shape == (4, 6)
    images = images.clamp(0, 1)
    assert 1 <= inception_score(network, images, rounds=5)[0] <= 3
    assert frechet_distance(network.features, images, images)[0] == pytest.approx(0, abs=1e-3)


def test_without_its_package_inception_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", None)
    with pytest.raises(ModuleNotFoundError, match=r"expected the package torch-fidelity.*pip install torch-fidelity"):
        inception.load_inception()


def test_without_its_weights_inception_says_where_they_belong(torch_fidelity, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=rf"expected Inception's weights as {tmp_path}/{inception.FILE}: fetch"):
        inception.load_inception()


class Code:
    """Runs when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("ran"),)  # type: ignore[return-value]


def test_weights_that_carry_code_are_refused_and_the_code_does_not_run(torch_fidelity, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    torch.save({"scale": Code()}, "weights.pth")
    with pytest.raises(pickle.UnpicklingError):
        inception.load_inception(Path("weights.pth"))
    assert not Path("ran").exists()


def test_the_perceptual_distance_compares_directions_of_every_layer():
    truth = tiny.images(3)
    other = noisy(truth, 0.1)
    model = tiny.network()
    by_hand, layers = torch.zeros(3, dtype=torch.double), [*model.body.children()]
    for depth in range(1, len(layers) + 1):
        seen = [nn.Sequential(*layers[:depth])(model.normalised(images)) for images in (other, truth)]
        ours, theirs = (numbers / numbers.square().sum(1, keepdim=True).sqrt() for numbers in seen)
        by_hand += 2 * (1 - (ours * theirs).sum(1).mean((1, 2))) / len(layers)
    torch.testing.assert_close(perceptual_distance(model, other, truth, batch_size=2), by_hand)
    assert not perceptual_distance(model, truth, truth).any()
    assert (perceptual_distance(model, noisy(truth, 0.3), truth) > by_hand).all()
