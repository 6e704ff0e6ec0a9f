"""A person's file is a picture or a ValueError in one sentence."""

import io
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

from course_lib.datasets.reading import read_picture

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


def test_a_phones_heic_gets_one_sentence_without_an_object_in_it():
    heic = b"\x00\x00\x00\x18ftypheic" + bytes(100)
    with pytest.raises(ValueError, match=r"^expected a picture file .* HEIC has to be saved as JPEG first$"):
        read_picture(io.BytesIO(heic), 8)
