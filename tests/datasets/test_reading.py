"""A person's file is a picture or a ValueError in one sentence."""

import io
import struct
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from course_lib.datasets import reading
from course_lib.datasets.reading import read_picture, read_square

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
    for mode in ("L", "P", "1", "CMYK", "LA"):
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


@pytest.mark.parametrize("side", [60_000, 17_500, 12_300])
def test_a_decompression_bomb_is_refused_at_once_in_one_sentence(side):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as outside of tests; up to 17,320 PIL itself only warns
        with pytest.raises(ValueError, match=r"^expected a picture of at most 150,000,000 pixels, got.*$"):
            read_picture(header(side, side), 64)


def test_a_picture_that_is_already_open_is_held_to_the_same_limit(monkeypatch):
    monkeypatch.setattr(reading, "LARGEST_PICTURE", 10_000)
    with pytest.raises(ValueError, match="expected a picture of at most"):
        read_picture(Image.new("1", (101, 100)), 64)


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


# --- deep, large, and odd ---------------------------------------------------------------------------------------------

GREYS = np.tile(np.linspace(0, 1, 64), (64, 1))
DEEP = {
    "16 bits": (GREYS * 65535).astype(np.uint16),
    "16 bits, big end first": (GREYS * 65535).astype(">u2"),
    "32 bits, as bytes": (GREYS * 255).astype(np.int32),
    "32 bits, as 16": (GREYS * 65535).astype(np.int32),
    "32 bits, signed": (GREYS * 4000 - 1000).astype(np.int32),
    "32 bits, huge": (GREYS * 2e9).astype(np.int32),
    "floats to 1": GREYS.astype(np.float32),
    "floats to 255": (GREYS * 255).astype(np.float32),
    "floats of a scanner": (GREYS * 4095 - 1024).astype(np.float32),
    "tiny floats": (GREYS * 2e6 - 1e6).astype(np.float32),
}


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("name", DEEP)
def test_deep_grey_keeps_its_greys(name, large, tmp_path, monkeypatch):
    """A ramp from black to white stays one, as a PNG where that can be, and as a TIFF."""
    if large:
        monkeypatch.setattr(reading, "REDUCED", 1_000)
    picture = Image.fromarray(DEEP[name])
    for kind in ("png", "tif") if picture.mode == "I;16" else ("tif",):
        picture.save(tmp_path / f"picture.{kind}")
        got = read_square(tmp_path / f"picture.{kind}", 64).float()
        assert (got - torch.from_numpy(GREYS * 255)).abs().max() <= 2
    if large:
        assert read_square(picture, 8).float().mean() == pytest.approx(127.5, abs=2)


def test_a_dark_16_bit_picture_stays_dark_and_what_is_no_number_is_black():
    assert read_square(Image.fromarray(np.full((9, 9), 655, np.uint16)), 8).unique().tolist() == [3]
    values = np.full((9, 9), 0.5, np.float32)
    values[:, :3], values[0, 8], values[1, 8] = np.nan, np.inf, -np.inf
    got = read_square(Image.fromarray(values), 9)
    assert got[0, 5].tolist() == [128] * 9, "the least number there is"
    with pytest.raises(ValueError, match="expected a picture file"):
        read_square(Image.fromarray(np.full((9, 9), np.nan, np.float32)), 8)


MODES = [
    "1",
    "L",
    "LA",
    "P",
    "RGB",
    "RGBA",
    "RGBX",
    "CMYK",
    "YCbCr",
    "HSV",
    "I",
    "F",
    "I;16",
    "I;16B",
    "I;16L",
    "I;16N",
]


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_of_pillow_gives_the_same_picture_large_and_small(mode, monkeypatch):
    white = {"I;16": 65535, "I": 255, "F": 1.0}.get(mode[:4])
    picture = Image.fromarray(np.full((120, 200), 255, np.uint8)).convert("RGB" if white is None else "L")
    picture = picture.convert(mode) if white is None else Image.new(mode, picture.size, white)
    black = (
        Image.new("L", picture.size).convert("RGB").convert(mode) if white is None else Image.new(mode, picture.size)
    )
    picture.paste(black.crop((0, 0, 100, 120)), (0, 0))
    small = read_square(picture.copy(), 8).float()
    monkeypatch.setattr(reading, "REDUCED", 1_000)
    large = read_square(picture, 8).float()
    for got in (small, large):
        assert got[:, :, :3].max() <= 8
        assert got[:, :, 5:].min() >= 247


def photograph(width: int, height: int, **options: object) -> io.BytesIO:
    return saved(Image.fromarray(SCENE).resize((width, height), Image.Resampling.NEAREST), "JPEG", **options)


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"exif": True}], ids=["baseline", "progressive", "turned"]
)
def test_of_a_phones_photograph_only_few_pixels_are_decoded(options, monkeypatch):
    """The decoder is asked for an eighth; what is in memory after that is what the test counts."""
    decoded = []
    load = reading.math.prod
    monkeypatch.setattr(reading.math, "prod", lambda size: decoded.append(load(size)) or load(size))
    exif = Image.Exif()
    exif[0x0112] = 6
    got = read_square(photograph(3000, 2000, **({"exif": exif} if "exif" in options else options)), 64)
    assert decoded[0] == 6_000_000
    assert decoded[1:] == ([] if "progressive" in options else [750 * 500])
    red, blue = (got[:, 5, 32], got[:, 60, 32]) if "exif" in options else (got[:, 32, 5], got[:, 32, 60])
    assert red.tolist() == pytest.approx([255, 0, 0], abs=9)
    assert blue.tolist() == pytest.approx([0, 0, 255], abs=9)


def test_a_photograph_of_108_million_pixels_is_read():
    """Baseline, as phones write them: it is never whole in memory."""
    assert_colour(read_picture(saved(Image.new("L", (12_032, 9_024), 128), "JPEG"), 24)[0, :, 12, 3], GREY)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("orientation", range(1, 10))
def test_all_turns_of_exif_are_undone_as_pillow_undoes_them(orientation, large, monkeypatch):
    if large:
        monkeypatch.setattr(reading, "REDUCED", 1)
    scene = Image.fromarray(np.random.default_rng(0).integers(256, size=(2, 3, 3), dtype=np.uint8)).resize(
        (300, 200), 0
    )
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = saved(scene, "PNG", exif=exif)
    expected = np.array(ImageOps.fit(ImageOps.exif_transpose(Image.open(file)), (9, 9))).transpose(2, 0, 1)
    assert np.abs(read_square(file, 9).numpy().astype(int) - expected).max() <= 40, "another turn differs by far more"


def test_what_needs_much_memory_waits_for_its_turn(monkeypatch):
    """One at a time: what else is read meanwhile is small."""
    inside = []

    class Turn:
        def __enter__(self):
            inside.append(1)

        def __exit__(self, *_):
            inside.append(-1)

    monkeypatch.setattr(reading, "TURN", Turn())
    monkeypatch.setattr(reading, "ALONE", 2_000)
    for kind, size, expected in (("PNG", (50, 50), [1, -1]), ("PNG", (40, 40), []), ("BMP", (60, 60), [1, -1])):
        read_square(saved(Image.new("RGB", size), kind), 8)
        assert inside == expected
        inside.clear()
    read_square(photograph(3000, 2000, progressive=True), 8)
    assert inside == [1, -1]


def test_a_strip_is_read():
    for shape in ((3_000_000, 1), (2, 1_500_000)):
        assert_colour(read_picture(Image.new("RGB", shape, (0, 0, 255)), 24).mean((0, 2, 3)), BLUE)


def test_heic_is_read_where_pillow_heif_is_installed(monkeypatch):
    """A stand-in registers what pillow-heif registers: the suffix, and a reader."""

    class Heif:
        @staticmethod
        def register_heif_opener():
            Image.register_extension("HEIF", ".heic")

    monkeypatch.setitem(sys.modules, "pillow_heif", Heif)
    monkeypatch.setattr(Image, "EXTENSION", dict(Image.registered_extensions()))
    reading.readable.cache_clear()
    assert ".heic" in reading.readable()
    monkeypatch.undo()
    reading.readable.cache_clear()
    assert ".heic" not in reading.readable() or "pillow_heif" in sys.modules
