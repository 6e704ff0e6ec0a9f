"""The kernel distance against torchmetrics and by its definition; the spectrum's slope on noise of a known one."""

import pytest
import torch
from torch import Tensor, nn
from torchmetrics.image.kid import poly_mmd

from course_lib.measuring.scores import kernel_distance, spectrum_slope


def features(count: int, *, seed: int, shift: float = 0.0) -> Tensor:
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.double) + shift


def coloured(exponent: float, *, count: int = 8, size: int = 64) -> Tensor:
    """Periodic noise (count, 3, size, size) in [0, 1] whose power falls as frequency to minus `exponent`."""
    generator = torch.Generator().manual_seed(0)
    white = torch.fft.fft2(torch.randn(count, 3, size, size, generator=generator, dtype=torch.double))
    frequencies = torch.fft.fftfreq(size, dtype=torch.double)
    radius = (frequencies[:, None].square() + frequencies.square()).sqrt()
    radius[0, 0] = torch.inf
    noise = torch.fft.ifft2(white * radius ** (-exponent / 2)).real
    return 0.5 + 0.4 * noise / noise.abs().amax((1, 2, 3), keepdim=True)


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_the_kernel_distance_is_torchmetrics(shift: float) -> None:
    real, fake = features(40, seed=1), features(40, seed=2, shift=shift)
    distance, low, high = kernel_distance(nn.Identity(), real, fake)
    assert distance == pytest.approx(poly_mmd(real, fake).item(), abs=1e-12)
    assert low < distance < high
    assert kernel_distance(nn.Identity(), fake, real)[0] == pytest.approx(distance)


def test_its_interval_is_that_of_leaving_one_picture_out() -> None:
    real, fake = features(9, seed=1), features(7, seed=2, shift=0.3)
    distance, _, high = kernel_distance(nn.Identity(), real, fake)
    variance = 0.0
    for number, without in enumerate((real, fake)):
        values = []
        for place in range(len(without)):
            left = torch.cat([without[:place], without[place + 1 :]])
            values.append(kernel_distance(nn.Identity(), *((left, fake) if number == 0 else (real, left)))[0])
        spread = torch.tensor(values, dtype=torch.double)
        variance += (len(values) - 1) / len(values) * (spread - spread.mean()).square().sum().item()
    assert (high - distance) / 1.959964 == pytest.approx(variance**0.5)


def test_two_halves_of_one_set_are_nought_apart_on_average_and_within_their_intervals() -> None:
    values = [kernel_distance(nn.Identity(), features(40, seed=s), features(30, seed=1000 + s)) for s in range(200)]
    middles = torch.tensor([middle for middle, _, _ in values])
    assert middles.mean().abs() < 3 * middles.std() / len(values) ** 0.5
    assert middles.min() < 0 < middles.max()
    covered = sum(low <= 0 <= high for _, low, high in values) / len(values)
    assert covered > 0.9
    far = kernel_distance(nn.Identity(), features(40, seed=1), features(30, seed=2, shift=1.0))
    assert far[1] > middles.max()


def test_it_refuses_sets_of_two() -> None:
    with pytest.raises(ValueError, match="expected at least 3 pictures of each kind, got"):
        kernel_distance(nn.Identity(), features(2, seed=0), features(5, seed=1))


@pytest.mark.parametrize("exponent", [0.0, 0.9, 2.0, 2.7])
def test_the_slope_of_noise_is_the_exponent_that_made_it(exponent: float) -> None:
    slopes = spectrum_slope(coloured(exponent))
    assert slopes.shape == (8,)
    assert slopes.mean().item() == pytest.approx(-exponent, abs=0.12)


def test_the_slope_is_of_each_picture_and_knows_no_brightness() -> None:
    images = torch.cat([coloured(1.0), coloured(3.0)])
    slopes = spectrum_slope(images)
    assert (slopes[:8] > slopes[8:]).all()
    torch.testing.assert_close(spectrum_slope((0.5 * images + 0.2).float()).float(), slopes.float(), atol=1e-3, rtol=0)
    assert spectrum_slope(torch.full((1, 3, 8, 8), 0.5)).isfinite().all()
