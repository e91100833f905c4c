from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.datasets.conversion.levels import PixelRange, Reading
from core.errors import DataError
from core.image.pixels import Bounds, to_float

UNIT = (0.0, 1.0)
LEVELS = np.arange(256, dtype=np.uint8).reshape(2, 8, 16, 1)


def read(images: Any, bounds: Bounds = UNIT, *, stated: bool = True, pieces: int = 1) -> tuple[Any, Reading]:
    """The converted images, and how they were read."""
    pixels = PixelRange("set", bounds, stated=stated)
    rows = np.array_split(np.arange(len(images)), pieces)
    kept = np.concatenate([pixels.add(each, images[each]) for each in rows])
    reading = pixels.reading()
    found = kept if reading.convert is None else reading.convert(kept)
    assert found.dtype == reading.dtype
    return found, reading


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)])
@pytest.mark.parametrize("dtype", ["u1", "i4", "u8", "u2", "f2", "f4", "f8"])
def test_8_bit_levels_of_any_type_are_stored_as_such(dtype: str, bounds: Bounds) -> None:
    found, reading = read(LEVELS.astype(dtype), bounds, pieces=2)
    np.testing.assert_array_equal(found, LEVELS)
    assert bool(reading.notes) == (dtype != "u1" and not (dtype[0] == "f" and bounds[1] == 255))


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), (-123.0, 151.0)])
def test_floats_on_the_levels_of_the_bounds_are_stored_as_levels(bounds: Bounds) -> None:
    found, _ = read(to_float(LEVELS, bounds), bounds)
    np.testing.assert_array_equal(found, LEVELS)


def test_floats_between_the_levels_stay_as_they_are() -> None:
    images = np.random.default_rng(0).random((3, 4, 4, 1))
    found, reading = read(images, pieces=3)
    np.testing.assert_array_equal(found, images.astype(np.float32))
    assert reading.notes == ()


def test_16_bit_pixels_are_scaled_to_the_bounds() -> None:
    wide = np.array([0, 1, 30000, 65535], np.uint16).reshape(1, 2, 2, 1)
    found, reading = read(wide, (-1.0, 1.0))
    np.testing.assert_allclose(found, -1 + wide / 65535 * 2, atol=1e-6)
    assert "16-bit" in reading.notes[0]


def test_16_bit_pixels_on_8_bit_levels_are_stored_as_levels() -> None:
    found, _ = read(LEVELS.astype(np.uint16) * 257)
    np.testing.assert_array_equal(found, LEVELS)


def test_8_bit_images_among_16_bit_ones_are_scaled_alike() -> None:
    pixels = PixelRange("set", UNIT, stated=True)
    wide = np.array([0, 100, 65535, 3], np.uint16).reshape(1, 2, 2, 1)
    pixels.add(np.array([0]), wide)
    np.testing.assert_allclose(pixels.add(np.array([1]), LEVELS[:1]), LEVELS[:1] / 255, atol=1e-7)
    assert pixels.reading().dtype == "float32"


def test_bool_is_black_and_white() -> None:
    found, _ = read(np.array([True, False]).reshape(1, 1, 2, 1))
    assert found.reshape(-1).tolist() == [255, 0]


def test_floats_in_0_to_1_are_scaled_for_a_model_that_takes_0_to_255() -> None:
    found, reading = read(to_float(LEVELS, UNIT), (0.0, 255.0))
    np.testing.assert_array_equal(found, LEVELS)
    assert "scaled" in reading.notes[0]
    between = np.array([0.1234, 0.5, 1.0, 0.0]).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(read(between, (0.0, 255.0))[0], between * 255, atol=1e-4)


def test_whole_numbers_up_to_255_have_two_readings_unless_the_bounds_are_stated() -> None:
    floats = LEVELS.astype(np.float32)
    with pytest.raises(DataError) as refused:
        read(floats, stated=False)
    assert "--bounds 0 255" in str(refused.value)
    assert "--bounds 0 1 " in str(refused.value)
    np.testing.assert_array_equal(read(floats, stated=True)[0], LEVELS)


def with_pixel(value: float) -> Any:
    images = np.full((3, 4, 4, 1), 0.51)
    images[1, 2, 3, 0] = value
    return images


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (with_pixel(np.nan), "NaN or infinity in image 1"),
        (with_pixel(np.inf), "NaN or infinity in image 1"),
        (with_pixel(1.5), "bounds 0..1; got 0.51..1.5 (first in image 1)"),
        (with_pixel(-0.1), "(first in image 1)"),
        (np.array([[[[256]]]], np.int32), "0..255; got 256..256 (first in image 0)"),
        (np.array([[[[-1]]]], np.int8), "-1..-1"),
        (np.array([[[[0, 1]]]], np.uint8), "0 and 1 alone"),
        (np.array([[[[0, 1]]]], np.int64), "0 and 1 alone"),
        (np.array([[[["a"]]]]), "type <U1"),
        (np.array([[[[1j]]]]), "type complex128"),
    ],
)
def test_pixels_that_fit_nothing_are_refused(images: Any, said: str) -> None:
    with pytest.raises(DataError) as refused:
        read(images, pieces=len(images))
    assert said in str(refused.value)


def test_integers_and_floats_in_one_set_are_refused() -> None:
    pixels = PixelRange("set", UNIT, stated=True)
    pixels.add(np.array([0]), LEVELS[:1])
    with pytest.raises(DataError, match="integers and floats"):
        pixels.add(np.array([1]), LEVELS[:1] / 255)


def test_floats_that_look_unscaled_are_noted() -> None:
    images = np.random.default_rng(0).random((1, 4, 4, 1))
    assert "bounds are -1..1" in read(images, (-1.0, 1.0))[1].notes[0]
