"""Seed distributions have the moments that they claim, come from training pictures only, and are reproducible."""

import inspect
from dataclasses import FrozenInstanceError

import pytest
import torch
from torch import Tensor

from course_lib import seeds
from course_lib.authoring.statistics import principal
from course_lib.pixels import shrink
from course_lib.seeds import (
    JITTER,
    KINDS,
    Mixture,
    MultivariateNormal,
    PixelNormal,
    Seeds,
    Uniform,
    Upsampled,
    k_means,
    similar,
    upsampled,
)
from course_lib.testbeds.seeding import OnDemand
from tests.tools import tiny

SHAPE = (3, 2, 3)
MANY = 4_000


def pictures(
    count: int, *, mean: float = 128, spread: int = 12, seed: int = 0, shape: tuple[int, ...] = SHAPE
) -> Tensor:
    """Correlated uint8 pictures around `mean`, so far from black and white that no sample is clamped."""
    generator = torch.Generator().manual_seed(seed)
    common = torch.randint(-spread, spread + 1, (count, 1, 1, shape[2]), generator=generator)
    own = torch.randint(-spread, spread + 1, (count, *shape), generator=generator)
    return (mean + common + own).byte()


def zeros(count: int) -> Tensor:
    return torch.zeros(count, dtype=torch.int64)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def moments(images: Tensor) -> tuple[Tensor, Tensor]:
    """The mean (d,) and the covariance X'X / N (d, d) of uint8 pictures, in pixel units."""
    rows = images.flatten(1).double() / 255
    return rows.mean(0), rows.T.cov(correction=0)


def assert_moments(samples: Tensor, mean: Tensor, covariance: Tensor) -> None:
    """Means and covariances agree within five standard errors, entry by entry."""
    rows = samples.flatten(1).double()
    variances = covariance.diag()
    error = (variances / len(rows)).sqrt()
    assert ((rows.mean(0) - mean).abs() < 5 * error).all()
    error = ((variances[:, None] * variances + covariance.square()) / len(rows)).sqrt()
    assert ((rows.T.cov() - covariance).abs() < 5 * error).all()


def test_multivariate_samples_have_the_moments_of_the_closed_form():
    images, jitter = pictures(6), 0.03  # few pictures: X'X / N and X'X / (N - 1) are 20% apart
    samples = MultivariateNormal(images, zeros(6), jitter=jitter).sample(zeros(MANY), generator=generator())
    mean, covariance = moments(images)
    assert 0 < samples.min() <= samples.max() < 1
    assert_moments(samples, mean, covariance + jitter**2 * torch.eye(len(mean)))


def test_the_map_from_z_to_a_sample_has_exactly_the_covariance_of_the_pictures(monkeypatch):
    """With unit vectors in place of z, the samples' rows are the matrix A of the map, and A'A is the covariance."""
    images = pictures(7)
    monkeypatch.setattr(
        seeds.torch, "randn", lambda *shape, **_: torch.eye(7) if shape == (7, 7) else torch.zeros(*shape)
    )
    samples = MultivariateNormal(images, zeros(7), jitter=0).sample(zeros(7), generator=generator())
    mean, covariance = moments(images)
    matrix = samples.flatten(1).double() - mean
    torch.testing.assert_close(matrix.T @ matrix, covariance, rtol=0, atol=1e-8)


def test_samples_without_jitter_lie_in_the_plane_of_the_classs_pictures():
    images = torch.cat([pictures(4, mean=100), pictures(4, mean=150, seed=1)])
    labels = torch.tensor([0] * 4 + [1] * 4)
    asked = torch.tensor([1, 0, 1, 1, 0, 0])
    samples = MultivariateNormal(images, labels, jitter=0).sample(asked, generator=generator()).flatten(1).double()
    for sample, label in zip(samples, asked, strict=True):
        rows = images[labels == label].flatten(1).double() / 255
        centred, wanted = (rows - rows.mean(0)).T, sample - rows.mean(0)
        nearest = centred @ torch.linalg.lstsq(centred, wanted.unsqueeze(1), driver="gelsd").solution
        torch.testing.assert_close(nearest.squeeze(1), wanted, rtol=0, atol=1e-6)


def test_one_picture_is_a_class_whose_samples_are_the_picture_and_jitter():
    images = pictures(1)
    truth = images.float() / 255
    assert torch.equal(
        PixelNormal.fit(images, zeros(1)).sample(zeros(2), generator=generator()), truth.expand(2, -1, -1, -1)
    )
    for kind in (MultivariateNormal, Mixture):
        near = kind(images, zeros(1), jitter=0.001).sample(zeros(50), generator=generator()) - truth
        assert 0 < near.abs().max() < 0.006


def test_jitter_is_added_as_it_is_drawn():
    images, again = pictures(1), generator()
    sample = MultivariateNormal(images=images, labels=zeros(1)).sample(labels=zeros(2), generator=generator())
    torch.randn(2, 1, generator=again)  # z, of which one picture makes nothing
    assert torch.equal(sample, images.float() / 255 + JITTER * torch.randn(2, *SHAPE, generator=again))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_takes_its_arguments_by_name_and_refuses_a_class_too_many(kind):
    labels = torch.arange(30) % 3
    fitted = (
        KINDS[kind].fit(images=pictures(30), labels=labels) if kind[0] == "m" else KINDS[kind].fit(pictures(30), labels)
    )
    assert fitted.sample(labels=torch.arange(3), generator=generator()).shape == (3, *SHAPE)
    if kind != "uniform":
        with pytest.raises(ValueError, match="expected labels"):
            fitted.sample(labels=torch.tensor([3]), generator=generator())


def test_deviations_are_added_as_they_are_drawn():
    images, labels = pictures(40), torch.arange(40) % 2
    fitted, again = PixelNormal.fit(images, labels), generator()
    sample = fitted.sample(torch.tensor([1, 0]), generator=generator())
    noise = torch.randn(2, *SHAPE, generator=again)
    assert torch.equal(sample, (fitted.means[[1, 0]] + fitted.deviations[[1, 0]] * noise).clamp(0, 1))


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 4, 4), (2, 1, 4, 4), (2, 4, 4, 4)])
def test_pictures_of_another_shape_or_type_are_refused(shape):
    for wrong in (torch.zeros(shape, dtype=torch.uint8), torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4).tolist()):
        with pytest.raises(ValueError, match=r"expected uint8 images \(N, 3, H, W\), got"):
            MultivariateNormal(wrong, zeros(len(wrong)))


def test_seeds_are_enlarged_where_they_are_smaller_and_smoothly():
    small = Uniform(SHAPE)
    assert upsampled(small, 1) is small
    larger = upsampled(small, 2)
    assert isinstance(larger, Upsampled)
    assert (larger.factor, larger.blocks) == (2, False)
    for value, name in ((small, "shape"), (larger, "factor"), (KINDS["uniform"], "noise")):
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, 3)
        assert "\n" not in repr(value)


def test_k_means_ends_where_every_point_is_nearest_to_the_mean_of_its_group():
    points = torch.rand(60, 2, generator=generator(3))
    first = k_means(points=points, groups=4, generator=generator())
    means = torch.stack([points[first == group].mean(0) for group in range(4)])
    assert torch.equal(torch.cdist(points, means).argmin(1), first)
    assert inspect.signature(k_means).parameters["rounds"].default == 20
    assert inspect.signature(Mixture).parameters["components"].default == 6


def test_a_group_of_one_point_has_its_centre_there():
    assert k_means(torch.tensor([[0.0], [10.0], [13.0]]), 3, generator=generator()).unique().numel() == 3


def test_of_many_classes_the_first_twenty_are_told():
    labels = torch.tensor([label for label in range(25) if label != 7])
    with pytest.raises(ValueError, match=r"got \[(1, ){7}0, (1, ){11}1\] of class 0, 1, \.\.\.$"):
        PixelNormal.fit(pictures(24), labels)


@pytest.mark.parametrize("kind", KINDS)
def test_a_distribution_is_shown_in_one_line_without_its_numbers(kind):
    fitted = KINDS[kind].fit(pictures(30), torch.arange(30) % 3)
    for value in (fitted, Upsampled(fitted, 2), KINDS[kind]):
        assert "\n" not in repr(value)
        assert "tensor(" not in repr(value)


def test_two_kinds_are_noise_and_one_of_them_is_blind():
    assert [name for name, kind in KINDS.items() if kind.noise] == ["uniform", "normal"]
    assert [name for name, kind in KINDS.items() if kind.blind] == ["uniform"]


def test_the_centres_of_a_mixture_are_the_means_of_its_classs_groups():
    labels = torch.arange(60) % 3
    images = torch.cat([pictures(1, mean=40 + 60 * label, seed=i) for i, label in enumerate(labels.tolist())])
    mixture = Mixture(images, labels, components=2)
    for label in range(3):
        centres = mixture.centres(label)
        assert len(centres) == 2
        assert (centres.mean((1, 2, 3)) - (40 + 60 * label) / 255).abs().max() < 0.1


def test_groups_are_of_what_a_thumbnail_of_8_x_8_shows():
    """Stripes within its pixels are nothing to it, a small difference in brightness is."""
    stripes = torch.tensor([40, -40]).repeat(8).view(1, 1, 1, 16)
    bright, striped = torch.tensor([0, 0, 12, 12]).view(-1, 1, 1, 1), torch.tensor([1, -1, 1, -1]).view(-1, 1, 1, 1)
    images = (120 + bright + striped * stripes).expand(4, 3, 16, 16).byte()
    groups = [part for _, part in similar(images, zeros(4), 2, generator=generator())]
    assert sorted(round(part.float().mean().item()) for part in groups) == [120, 132]


def test_pixel_normal_samples_have_each_pixels_mean_and_deviation_and_no_correlation():
    images = pictures(6)
    mean, covariance = moments(images)
    samples = PixelNormal.fit(images, zeros(6)).sample(zeros(MANY), generator=generator())
    assert_moments(samples, mean, covariance.diag().diag())


def test_uniform_seeds_fill_the_pixel_box_evenly():
    samples = Uniform((3, 4, 5)).sample(torch.arange(2_000) % 10, generator=generator())
    assert samples.shape == (2_000, 3, 4, 5)
    assert 0 <= samples.min() <= samples.max() < 1
    shares = samples.histc(10, 0, 1) / samples.numel()
    assert ((shares - 0.1).abs() < 5 * (0.09 / samples.numel()) ** 0.5).all()


def test_a_mixture_draws_its_groups_in_proportion_to_their_sizes():
    images = torch.cat([pictures(30, mean=60), pictures(10, mean=190, seed=1)])
    mixture = Mixture(images, zeros(40), components=2)
    samples = mixture.sample(zeros(2_000), generator=generator())
    brightness = samples.flatten(1).mean(1)
    assert sorted(mixture.weights.tolist()) == [10, 30]
    groups = {len(group): group.float().mean(0) / 255 for group in (images[:30], images[30:])}
    torch.testing.assert_close(mixture.centres(0), torch.stack([groups[int(weight)] for weight in mixture.weights]))
    assert (((brightness - 60 / 255).abs() < 0.1) | ((brightness - 190 / 255).abs() < 0.1)).all()  # nothing in between
    assert (brightness > 0.5).double().mean().item() == pytest.approx(0.25, abs=5 * (0.25 * 0.75 / 2_000) ** 0.5)


def test_every_group_of_a_mixture_belongs_to_its_class():
    images = torch.cat([pictures(20, mean=mean, seed=mean) for mean in (60, 120, 180)])
    asked = torch.arange(300) % 3
    samples = Mixture(images, torch.arange(60) // 20, components=4).sample(asked, generator=generator())
    expected = torch.tensor([60, 120, 180])[asked] / 255
    assert ((samples.flatten(1).mean(1) - expected).abs() < 0.11).all()


def test_a_mixture_of_one_is_the_multivariate_normal():
    images, jitter = pictures(6), 0.03
    samples = Mixture(images, zeros(6), components=1, jitter=jitter).sample(zeros(MANY), generator=generator())
    mean, covariance = moments(images)
    assert_moments(samples, mean, covariance + jitter**2 * torch.eye(len(mean)))


@pytest.mark.parametrize("seed", range(10))
def test_k_means_recovers_separated_groups(seed):
    truth = torch.arange(80) % 4
    centres = 10 * torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    points = centres[truth] + 0.2 * torch.randn(80, 2, generator=generator(seed))
    found = k_means(points, 4, generator=generator(seed))
    pairs = set(zip(truth.tolist(), found.tolist(), strict=True))
    assert len(pairs) == 4
    assert len({group for _, group in pairs}) == 4


@pytest.mark.parametrize("points", [torch.zeros(9, 2), torch.eye(3)], ids=["all the same", "fewer than groups"])
def test_k_means_bears_more_groups_than_different_points(points):
    found = k_means(points, 5, generator=generator())
    assert found.shape == points.shape[:1]
    assert len(found.unique()) == len(points.unique(dim=0))


IMAGES, LABELS = pictures(40, spread=60, shape=(3, 8, 8)), torch.arange(40) % 4
FITTED: dict[str, Seeds] = {
    "uniform": Uniform((3, 8, 8)),
    "normal": PixelNormal.fit(IMAGES, LABELS),
    "multivariate": MultivariateNormal(IMAGES, LABELS),
    "mixture": Mixture(IMAGES, LABELS),
}
every_kind = pytest.mark.parametrize("fitted", FITTED.values(), ids=FITTED)
every_fitted_kind = pytest.mark.parametrize("kind", [PixelNormal.fit, MultivariateNormal, Mixture])


@every_kind
def test_samples_are_decided_by_the_generator_alone(fitted):
    asked, before = torch.tensor([3, 0, 0, 2]), torch.random.get_rng_state()
    first, again = (fitted.sample(asked, generator=generator(5)) for _ in range(2))
    assert (first.shape, first.dtype) == ((4, 3, 8, 8), torch.float32)
    assert torch.equal(first, again)
    assert not torch.equal(first, fitted.sample(asked, generator=generator(6)))
    assert not torch.equal(first[1], first[2])
    assert torch.equal(torch.random.get_rng_state(), before)


@every_fitted_kind
def test_fitting_is_reproducible(kind):
    samples = [kind(IMAGES, LABELS).sample(LABELS, generator=generator()) for _ in range(2)]
    assert torch.equal(*samples)


@every_fitted_kind
def test_samples_are_clamped_to_pixels(kind):
    black_and_white = 255 * (torch.rand(20, 3, 4, 4, generator=generator()) > 0.5).byte()
    samples = kind(black_and_white, zeros(20)).sample(zeros(100), generator=generator())
    assert samples.min() == 0
    assert samples.max() == 1


@every_kind
def test_no_label_gives_no_seed(fitted):
    assert fitted.sample(zeros(0), generator=generator()).shape == (0, 3, 8, 8)


@every_fitted_kind
def test_a_class_without_pictures_is_refused_in_one_sentence(kind):
    for images, labels in ((IMAGES, LABELS + (LABELS > 1)), (IMAGES[:0], LABELS[:0])):
        with pytest.raises(ValueError, match=r"^expected at least one picture of every class, got .*$"):
            kind(images, labels)


def test_the_centre_of_a_distribution_is_what_its_samples_scatter_around():
    images = torch.cat([pictures(20, mean=60, shape=(3, 4, 6)), pictures(20, mean=190, seed=1, shape=(3, 4, 6))])
    labels = zeros(40)
    one, two = MultivariateNormal(images, labels), Mixture(images, labels, components=2)
    on_demand = OnDemand(3, lambda label: images + label, MultivariateNormal)
    on_blocks = principal(images, labels, groups=1, components=4, block=2)
    fitted = [(Uniform(images.shape[1:]), 1), (PixelNormal.fit(images, labels), 1), (one, 1), (two, 2)]
    for kind, parts in [*fitted, (on_blocks, 1), (Upsampled(two, 3), 2), (on_demand, 1)]:
        centres, samples = kind.centres(0), kind.sample(zeros(4_000), generator=generator())
        assert centres.shape == (parts, *samples.shape[1:])
        error = 5 * samples.std(0) / len(samples) ** 0.5 + 0.01  # clipping moves a mean a little
        assert ((samples.mean(0) - centres.mean(0)).abs() <= error).all()
    torch.testing.assert_close(on_demand.centres(2), on_demand.centres(0) + 2 / 255)


def test_a_testbeds_seeds_are_fitted_once_and_on_training_pictures_only():
    read: list[str] = []
    testbed = tiny.untrained_testbed(read)
    for kind in KINDS:
        fitted = testbed.seeds(kind)
        assert testbed.seeds(kind) is fitted
        assert fitted.sample(torch.tensor([0, 4]), generator=generator()).shape == (2, 3, tiny.SIZE, tiny.SIZE)
    assert set(read) == {"train"}


def test_smooth_seeds_have_no_frequencies_beyond_their_grid_and_blocks_do():
    """White noise on the grid is the hardest case. The Nyquist frequency of 16 values is 8 periods."""
    smooth, blocks = both_choices(300, size=16, factor=4)
    for frequency, most, least in (
        (8, 0.06, 0.3),
        (12, 0.001, 0.15),
    ):
        assert beyond(smooth, frequency) < most
        assert beyond(blocks, frequency) > least


def test_both_choices_have_the_same_low_frequencies_and_the_blocks_of_the_grid():
    smooth, blocks = both_choices(300, size=16, factor=4)
    one, other = (spectrum(samples)[:, :, :3, :3].flatten() for samples in (smooth, blocks))
    assert (one - other).abs().max() < 0.1 * other.abs().max()
    grid = blocks[..., ::4, ::4]
    torch.testing.assert_close(shrink(blocks, 4), grid)
    assert (shrink(smooth, 4) - grid).abs().mean() < 0.35 * (grid - grid.mean()).abs().mean()


def both_choices(count: int, *, size: int, factor: int) -> tuple[Tensor, Tensor]:
    """Seeds of the same draws, smooth and as blocks, far from black and white."""
    means = torch.full((1, 3, size, size), 0.5)
    normal = PixelNormal(means, means / 5)
    labels = zeros(count)
    smooth, blocks = (Upsampled(normal, factor, blocks=choice) for choice in (False, True))
    return smooth.sample(labels, generator=generator()), blocks.sample(labels, generator=generator())


def spectrum(images: Tensor) -> Tensor:
    """Fourier coefficients, under a window: the edge where a picture ends is none of its own."""
    window = torch.hann_window(images.shape[-1])
    return torch.fft.fft2((images - images.mean((2, 3), keepdim=True)) * window * window[:, None])


def beyond(images: Tensor, frequency: int) -> float:
    """The share of the power of pictures above a frequency, in periods of a picture, along either side."""
    side = images.shape[-1]
    periods = (torch.fft.fftfreq(side) * side).abs()
    above = torch.maximum(periods[:, None], periods)
    power = spectrum(images).abs().square()
    return float(power[..., above > frequency].sum() / power[..., above > 0].sum())


def test_seeds_of_the_pictures_own_size_are_the_same_by_either_choice():
    testbed = tiny.untrained_testbed([])
    assert testbed.seeds("multivariate", blocks=True) is testbed.seeds("multivariate")
