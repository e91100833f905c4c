"""Encoded images to arrays: every form that people have, files that are damaged, and files that are none."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.datasets.files.decode import (
    ANIMATED,
    CMYK,
    DEEP_COLOUR,
    MAX_PIXELS,
    TRANSPARENT,
    TURNED,
    Header,
    Picture,
    decode,
    read_header,
)
from core.errors import DataError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 9)).astype("u1")
RGB = RNG.integers(0, 256, (6, 9, 3)).astype("u1")
DEEP = RNG.integers(0, 65536, (6, 9)).astype("u2")


def encoded(image: Any, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def read(content: bytes, **options: Any) -> Picture:
    """The decoded image, whose header says the same."""
    picture = decode("a.png", content, **options)
    if not options:
        header = read_header("a.png", io.BytesIO(content))
        pixels = picture.pixels
        assert header == Header(pixels.shape[:2], pixels.ndim == 3, pixels.dtype == np.uint16)
    return picture


def pixels_or_error(content: bytes) -> Any:
    try:
        return decode("a.png", content).pixels
    except DataError as error:
        return str(error)


def refused(content: bytes) -> str:
    with pytest.raises(DataError) as error:
        decode("a.png", content)
    assert str(error.value).startswith("expected a.png: ")
    assert str(error.value).isprintable()
    return str(error.value)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP"])
def test_lossless_files_keep_their_pixels(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    picture = read(encoded(RGB, kind, **options))
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert picture.pixels.dtype == np.uint8
    assert picture.remarks == ()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF"])
def test_grey_stays_grey(kind: str) -> None:
    np.testing.assert_array_equal(read(encoded(GREY, kind)).pixels, GREY)


def test_jpeg_files() -> None:
    grey, colour = read(encoded(GREY, "JPEG", quality=100)).pixels, read(encoded(RGB, "JPEG")).pixels
    assert grey.shape == (6, 9)
    assert np.abs(grey.astype(int) - GREY).max() < 5
    assert colour.shape == (6, 9, 3)


def test_16_bit_grey_keeps_its_bits() -> None:
    picture = read(encoded(DEEP))
    assert picture.pixels.dtype == np.uint16
    np.testing.assert_array_equal(picture.pixels, DEEP)


def test_16_bit_colour_is_read_at_8_bits_and_says_so() -> None:
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in RGB.astype("u2") * 256 + 200)
    picture = read(png(9, 6, 16, 2, rows))
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert picture.remarks == (DEEP_COLOUR,)


def test_palettes_and_single_bits() -> None:
    few = Image.fromarray(RGB // 128 * 255).quantize(8)
    np.testing.assert_array_equal(read(encoded(few)).pixels, np.asarray(few.convert("RGB")))
    np.testing.assert_array_equal(read(encoded(Image.fromarray(GREY).convert("P"))).pixels, GREY)  # a grey palette
    np.testing.assert_array_equal(read(encoded(GREY > 99)).pixels, np.where(GREY > 99, 255, 0))


def test_cmyk_becomes_rgb() -> None:
    image = Image.new("CMYK", (9, 6), (0, 255, 255, 0))  # red
    picture = read(encoded(image, "JPEG", quality=100))
    assert np.abs(picture.pixels.astype(int) - (255, 0, 0)).max() < 4
    assert picture.remarks == (CMYK,)


ALPHA = RNG.integers(0, 255, (6, 9)).astype("u1")


@pytest.mark.parametrize("colour", [GREY[..., None], RGB])
def test_transparent_images_are_composited_on_white(colour: Any) -> None:
    picture = read(encoded(np.concatenate([colour, ALPHA[..., None]], axis=2)))
    opacity = ALPHA[..., None] / 255
    expected = colour * opacity + 255 * (1 - opacity)
    np.testing.assert_allclose(picture.pixels.reshape(expected.shape), expected, atol=0.51)
    assert picture.remarks == (TRANSPARENT,)


def test_an_opaque_alpha_channel_changes_nothing() -> None:
    picture = read(encoded(np.concatenate([RGB, np.full((6, 9, 1), 255, "u1")], axis=2)))
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert picture.remarks == ()


def test_a_transparent_colour() -> None:
    picture = read(encoded(Image.new("L", (2, 2), 7), transparency=7))
    np.testing.assert_array_equal(picture.pixels, np.full((2, 2), 255))
    few = Image.fromarray(RGB).quantize(4)
    picture = read(encoded(few, "GIF", transparency=0))
    assert (picture.pixels[np.asarray(few) == 0] == 255).all()
    assert picture.remarks == (TRANSPARENT,)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(kind: str, orientation: int) -> None:
    upright = np.zeros((16, 32), "u1")
    upright[:8, :8] = 255  # the corner at the top left
    upright[:8, 8:16] = 128  # then to the right
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    colour = np.repeat(stored[..., None], 3, axis=2)
    picture = read(encoded(colour, kind, exif=exif, quality=100))
    assert np.abs(picture.pixels[..., 0].astype(int) - upright).max() < 16
    assert picture.remarks == ((TURNED,) if orientation > 1 else ())


def test_damaged_exif_data_leave_the_image_as_it_is() -> None:
    np.testing.assert_array_equal(read(encoded(RGB, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\1\x12")).pixels, RGB)


@pytest.mark.parametrize(("kind", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {})])
def test_animations_are_read_as_their_first_frame(kind: str, options: dict[str, Any]) -> None:
    first, second = Image.new("RGB", (9, 6), "red"), Image.new("RGB", (9, 6), "blue")
    picture = read(encoded(first, kind, save_all=True, append_images=[second], **options))
    np.testing.assert_array_equal(picture.pixels, np.full((6, 9, 3), (255, 0, 0)))
    assert picture.remarks == (ANIMATED,)


def test_two_pictures_in_one_jpeg_file() -> None:
    picture = read(encoded(Image.fromarray(RGB), "MPO", save_all=True, append_images=[Image.fromarray(RGB)]))
    assert picture.pixels.shape == (6, 9, 3)
    assert picture.remarks == ()


def test_resizing_averages_all_pixels_below_an_output_pixel() -> None:
    stripes = np.tile(np.array([0, 255], "u1"), (64, 32))
    small = read(encoded(stripes), size=(8, 8)).pixels
    assert small.shape == (8, 8)
    assert np.abs(small[:, 1:-1].astype(int) - 127).max() <= 8  # without antialiasing: 0 or 255
    deep = read(encoded(stripes.astype("u2") * 257), size=(8, 8)).pixels
    assert deep.dtype == np.uint16
    np.testing.assert_allclose(deep / 257, small, atol=1)
    assert read(encoded(RGB), size=(4, 5)).pixels.shape == (4, 5, 3)
    np.testing.assert_array_equal(read(encoded(RGB), size=(6, 9)).pixels, RGB)


# -- what isn't an image ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "got an empty file"),
        (b"Not an image, whatever its suffix", "a file that starts with b'Not an image'"),
        (b"<html>\n404</html>", r"b'<html>\n404<"),
        (b"II*\0\x08\0\0\0", "a file that starts with b'II*"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "a file that starts with b'%!PS-Adobe"),
    ],
)
def test_files_that_are_no_images(content: bytes, said: str) -> None:
    assert said in refused(content)


def test_formats_that_pillow_knows_and_we_do_not_open() -> None:
    for kind in ("TIFF", "PPM", "TGA", "ICO"):
        assert "an image that can be decoded" in refused(encoded(RGB, kind))


@pytest.mark.parametrize(("width", "height"), [(20_000, 5_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_an_image_that_would_fill_the_memory(width: int, height: int) -> None:
    content = png(width, height, 8, 2, b"")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing else is said
        warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
        assert f"at most {MAX_PIXELS:,} pixels" in refused(content)
    with pytest.raises(DataError, match="pixels"):
        read_header("a.png", io.BytesIO(content))


FILES = {
    "PNG": encoded(RGB),
    "JPEG": encoded(RGB, "JPEG"),
    "BMP": encoded(RGB, "BMP"),
    "GIF": encoded(Image.fromarray(RGB).quantize(16), "GIF"),
    "WEBP": encoded(RGB, "WEBP"),
    "progressive": encoded(RGB, "JPEG", progressive=True),
    "palette": encoded(Image.fromarray(RGB).quantize(16)),
}


@pytest.mark.parametrize("kind", FILES)
def test_truncated_files(kind: str) -> None:
    whole = FILES[kind]
    complete = decode("a.png", whole).pixels
    for length in range(len(whole)):
        found = pixels_or_error(whole[:length])
        if not isinstance(found, str):  # only checksums and end marks are missing
            np.testing.assert_array_equal(found, complete)
            assert length > len(whole) - 24


@settings(max_examples=150)
@given(st.sampled_from(sorted(FILES)), st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1))
def test_damaged_files_raise_nothing_else(kind: str, changes: list[tuple[int, int]]) -> None:
    content = bytearray(FILES[kind])
    for position, change in changes:
        content[position % len(content)] ^= change
    found = pixels_or_error(bytes(content))
    assert not isinstance(found, str) or found.isprintable()
    with suppress(DataError):
        read_header("a.png", io.BytesIO(content))
