"""Resizing has its closed forms, and bytes survive."""

import numpy as np
import pytest
import torch

from course_lib.pixels import back_projected, bicubic, nearest, shrink, to_float, to_uint8
from tests.tools import tiny

NOISE = tiny.images(2)


@pytest.mark.parametrize("factor", [1, 2, 3, 7])
def test_shrinking_undoes_nearest_neighbour_upsampling(factor):
    large = nearest(NOISE, factor)
    assert large.shape == (2, 3, factor * tiny.SIZE, factor * tiny.SIZE)
    torch.testing.assert_close(shrink(large, factor), NOISE, rtol=0, atol=1e-15)
    assert (large[:, :, factor - 1, 0] == NOISE[:, :, 0, 0]).all()


def test_shrinking_takes_the_mean_of_every_block():
    small = shrink(NOISE, 4)
    assert small.shape == (2, 3, 4, 4)
    torch.testing.assert_close(small[1, 2, 3, 0], NOISE[1, 2, 12:, :4].mean())
    torch.testing.assert_close(small.mean((2, 3)), NOISE.mean((2, 3)))


@pytest.mark.parametrize("factor", [3, 32])
def test_shrinking_by_a_factor_that_does_not_divide_is_refused(factor):
    with pytest.raises(ValueError, match=rf"^expected a height and width that {factor} divides, got 16 x 16$"):
        shrink(NOISE, factor)


def test_bicubic_keeps_constants_ramps_and_the_pixel_box():
    constant = torch.full((1, 3, 5, 5), 0.3)
    torch.testing.assert_close(bicubic(constant, 4), torch.full((1, 3, 20, 20), 0.3))
    torch.testing.assert_close(bicubic(NOISE, 1), NOISE)
    ramp = torch.linspace(0.1, 0.9, 9).expand(1, 3, 9, 9)
    inner = bicubic(ramp, 2)[..., 6:-6]  # away from the border, two of its steps are one of the ramp's
    torch.testing.assert_close(inner[..., 2:] - inner[..., :-2], torch.full((1, 3, 18, 4), 0.1), rtol=0, atol=1e-6)
    checkers = (torch.arange(6)[:, None] + torch.arange(6)).remainder(2).float().expand(1, 3, 6, 6)
    assert bicubic(checkers, 3).min() == 0
    assert bicubic(checkers, 3).max() == 1


def test_bytes_to_floats_and_back_is_exact():
    values = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    floats = to_float(values)
    assert floats.min() == 0
    assert floats.max() == 1
    assert np.array_equal(to_uint8(floats), values.permute(0, 2, 3, 1).numpy())
    assert to_uint8(torch.tensor([-1.0, 0.5, 2.0]).view(1, 3, 1, 1)).tolist() == [[[[0, 128, 255]]]]


@pytest.mark.parametrize("factor", [2, 4])
def test_back_projection_brings_a_picture_near_to_what_it_shrinks_to(factor):
    small = shrink(NOISE, factor)
    rounds = [back_projected(bicubic(small, factor), small, rounds=count) for count in (0, 1, 5, 50)]
    off = [(shrink(images, factor) - small).abs().max().item() for images in rounds]
    assert off[0] > off[1] > off[2] > off[3]
    assert off[3] < 1e-4
    torch.testing.assert_close(back_projected(NOISE, small), NOISE)  # nothing is missing
