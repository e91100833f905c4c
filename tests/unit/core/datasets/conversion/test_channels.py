from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from core.datasets.conversion.channels import channels_last, with_channels
from core.errors import DataError

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (5, 6, 7, 3), np.uint8)


def test_grey_images_get_their_axis() -> None:
    images, note = channels_last("set", RGB[..., 0])
    np.testing.assert_array_equal(images[..., 0], RGB[..., 0])
    assert note is not None


def test_channels_that_come_first_are_moved() -> None:
    images, note = channels_last("set", np.moveaxis(RGB, 3, 1))
    np.testing.assert_array_equal(images, RGB)
    assert "channels first" in str(note)
    unmoved, note = channels_last("set", RGB)
    assert unmoved is RGB
    assert note is None


def test_a_shape_with_two_readings_names_both() -> None:
    with pytest.raises(DataError, match="one image with 3 channels or 28 grey images"):
        channels_last("set", np.zeros((28, 28, 3)))


@pytest.mark.parametrize("shape", [(4,), (4, 784), (2, 4, 4, 4, 3), (2, 0, 4, 1)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError):
        channels_last("set", np.zeros(shape))


def test_grey_becomes_three_equal_channels() -> None:
    images, note = with_channels("set", RGB[..., :1], 3)
    for channel in range(3):
        np.testing.assert_array_equal(images[..., channel], RGB[..., 0])
    assert "three channels" in str(note)


def test_rgb_becomes_the_luma_that_pillow_computes() -> None:
    images, note = with_channels("set", RGB, 1)
    for image, grey in zip(RGB, images, strict=True):
        np.testing.assert_array_equal(grey[..., 0], np.asarray(Image.fromarray(image).convert("L")))
    assert "601" in str(note)


def test_the_luma_of_floats_and_wide_integers_is_the_same() -> None:
    exact = RGB @ [0.299, 0.587, 0.114]
    floats, _ = with_channels("set", RGB.astype(np.float32), 1)
    np.testing.assert_allclose(floats[..., 0], exact, atol=0.01)
    wide, _ = with_channels("set", RGB.astype(np.uint16) * 257, 1)
    assert wide.dtype == np.uint16
    np.testing.assert_allclose(wide[..., 0] / 257, exact, atol=0.01)


def test_alpha_is_dropped_on_white() -> None:
    alpha = np.array([0, 128, 255], np.uint8).reshape(3, 1, 1, 1)
    images = np.concatenate([np.full((3, 1, 1, 3), 100, np.uint8), alpha], axis=3)
    found, note = with_channels("set", images, 3)
    assert found[:, 0, 0, 0].tolist() == [255, round((100 * 128 + 255 * 127) / 255), 100]
    assert "white" in str(note)
    grey, _ = with_channels("set", images[..., 2:], 3)
    np.testing.assert_array_equal(grey, found)


def test_other_numbers_of_channels_are_refused() -> None:
    for images, channels in ((RGB, 4), (np.zeros((1, 2, 2, 4), np.float32), 3), (RGB[..., :2], 4)):
        with pytest.raises(DataError):
            with_channels("set", images, channels)
    assert with_channels("set", RGB, 3)[0] is RGB
