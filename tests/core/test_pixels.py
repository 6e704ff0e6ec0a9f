"""Resizing and PSNR have their closed forms, and a person's file is a picture or a ValueError."""

import io
import math
import struct
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from course_lib.pixels import bicubic, nearest, psnr, read_picture, shrink, to_float, to_uint8
from tests.tools import tiny

NOISE = tiny.images(2)

# --- resizing ---------------------------------------------------------------------------------------------------------


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


# --- PSNR -------------------------------------------------------------------------------------------------------------


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
    images = torch.where(mask.bool(), 0.1, 0.9)
    torch.testing.assert_close(psnr(images.expand_as(truth), truth, mask), torch.tensor([20.0, 20.0]))
    torch.testing.assert_close(psnr(images.expand_as(truth), truth, torch.ones(2, 1, 4, 4)), psnr(images, truth))
    torch.testing.assert_close(psnr(0.1 * mask.expand_as(truth), truth)[1], torch.tensor(20 + 10 * math.log10(16)))


# --- pictures ---------------------------------------------------------------------------------------------------------

SCENE = np.zeros((40, 60, 3), np.uint8)  # wide: red on the left, blue on the right, grey in the central square's middle
SCENE[:, :30], SCENE[:, 30:], SCENE[15:25, 25:35] = (255, 0, 0), (0, 0, 255), 128
RED, BLUE, GREY, WHITE = ([1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [128 / 255] * 3, [1.0] * 3)


def saved(picture: Image.Image, kind: str, **options: object) -> io.BytesIO:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    file.seek(0)
    return file


def assert_colour(pixels: torch.Tensor, colour: list[float], *, tolerance: float = 0.05) -> None:
    torch.testing.assert_close(pixels, torch.tensor(colour), rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_picture_file_gives_its_central_square(kind, tmp_path):
    path = tmp_path / f"picture.{kind.lower()}"
    Image.fromarray(SCENE).save(path, **({"quality": 95} if kind in ("JPEG", "WEBP") else {}))
    for source in (path, str(path), Image.open(path)):
        pixels = read_picture(source, 40)
        assert pixels.shape == (1, 3, 40, 40)
        assert pixels.dtype == torch.float32
        assert pixels.min() >= 0
        assert pixels.max() <= 1
        for place, colour in (((5, 5), RED), ((35, 35), BLUE), ((20, 18), GREY)):
            assert_colour(pixels[0, :, place[0], place[1]], colour)


def test_grey_and_palette_pictures_become_colour():
    for mode in ("L", "P", "1", "CMYK", "LA", "I;16"):
        picture = Image.new(mode, (10, 10))
        assert_colour(read_picture(picture, 8)[0, :, 4, 4], WHITE if mode in ("CMYK", "LA") else [0.0] * 3)


def test_transparent_parts_become_white():
    picture = Image.new("RGBA", (30, 30), (0, 0, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 30, 15))
    picture.putpixel((29, 29), (0, 0, 255, 128))
    pixels = read_picture(saved(picture, "PNG"), 30)[0]
    assert_colour(pixels[:, 5, 5], RED)
    assert_colour(pixels[:, 25, 5], WHITE)
    assert_colour(pixels[:, 29, 29], [0.5, 0.5, 1.0])


@pytest.mark.parametrize(("orientation", "top_left"), [(1, RED), (3, BLUE), (6, RED), (8, BLUE)])
def test_a_photograph_is_turned_upright(orientation, top_left):
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = read_picture(saved(Image.fromarray(SCENE), "JPEG", exif=exif, quality=95), 40)[0]
    assert_colour(pixels[:, 5, 20 if orientation in (6, 8) else 5], top_left)
    assert_colour(pixels[:, 35, 20 if orientation in (6, 8) else 35], BLUE if top_left is RED else RED)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (3, 2), (2000, 1500)])
def test_any_size_and_aspect_becomes_a_square(shape):
    assert_colour(read_picture(Image.new("RGB", shape, (0, 0, 255)), 24).mean((0, 2, 3)), BLUE)


def header(width: int, height: int) -> io.BytesIO:
    """A PNG file of a few bytes that declares a size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return io.BytesIO(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [60_000, 12_000, 8_000])
def test_a_decompression_bomb_is_refused_at_once_in_one_sentence(side):
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as outside of tests; at 12,000 PIL itself only warns
        with pytest.raises(ValueError, match=r"^expected a picture of at most 50,000,000 pixels, got.*$"):
            read_picture(header(side, side), 64)
    assert time.process_time() - started < 1


def test_a_picture_that_is_already_open_is_held_to_the_same_limit():
    with pytest.raises(ValueError, match="expected a picture of at most"):
        read_picture(Image.new("1", (8_000, 8_000)), 64)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_truncated_file_is_refused(kind):
    data = saved(Image.fromarray(np.tile(SCENE, (8, 8, 1))), kind).getvalue()
    with pytest.raises(ValueError, match="expected a picture file"):
        read_picture(io.BytesIO(data[: len(data) // 2]), 64)


@pytest.mark.parametrize("content", [b"", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", bytes(1000)])
def test_a_file_that_is_no_picture_is_refused_and_closed(content, tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="expected a picture file"):
        read_picture(path, 64)


def test_a_missing_file_is_refused():
    with pytest.raises(ValueError, match="no-such-picture"):
        read_picture(Path("no-such-picture.png"), 64)


@pytest.mark.parametrize("kind", [struct.error, EOFError, SyntaxError, IndexError, zlib.error, MemoryError])
def test_whatever_a_decoder_raises_becomes_one_sentence(kind, monkeypatch):
    def broken(*_: object) -> None:
        raise kind("it broke")

    monkeypatch.setattr(Image.Image, "convert", broken)
    with pytest.raises(
        ValueError, match=r"^expected a picture file \(PNG, JPEG, \.\.\.\), got something else: it broke$"
    ):
        read_picture(saved(Image.new("RGB", (4, 4)), "PNG"), 16)


FILES = [saved(Image.fromarray(SCENE), kind).getvalue() for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_a_picture_or_a_value_error(data):
    content = bytearray(data.draw(st.sampled_from(FILES)))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            pixels = read_picture(io.BytesIO(content), 16)
        except ValueError:
            return
        assert pixels.shape == (1, 3, 16, 16)
