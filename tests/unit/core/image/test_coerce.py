from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.errors import DataError
from core.image.coerce import as_images
from core.image.digest import digests

EIGHT_BIT = arrays(np.uint8, (3, 4, 5, 2), elements=st.integers(0, 255))


@given(EIGHT_BIT)
def test_an_image_has_the_same_digest_in_every_form(images: np.ndarray) -> None:
    images[0, 0, 0, 0] = 200  # a scale that can be told
    forms: list[Any] = [
        images,
        images.astype(np.int64),
        images.astype(np.float64),
        images.astype(np.float32) / 255,
        images / 255,
        images * (1 / 255),
    ]
    expected = digests(images)
    for form in forms:
        found = as_images(form)
        assert found.dtype == np.float32
        assert digests(found) == expected
        assert digests(as_images(form.ravel(), (3, 4, 5, 2))) == expected
        assert digests(as_images(form.reshape(3, -1), (4, 5, 2))) == expected


def test_dark_images_are_read_as_what_they_are() -> None:
    # A float of 1 alone is white; with a 2 beside it, it is one level of 255; as a whole number it is one level.
    one = np.ones((1, 1, 1, 1))
    assert as_images(one).item() == 1
    assert as_images(np.concatenate([one, 2 * one])).ravel().tolist() == [np.float32(1 / 255), np.float32(2 / 255)]
    assert as_images(one.astype(np.uint8)).item() == np.float32(1 / 255)
    assert as_images(np.zeros((1, 1, 1, 1))).item() == 0


def test_no_images_are_no_images() -> None:
    assert as_images(np.zeros((0, 4, 4, 1))).shape == (0, 4, 4, 1)


@pytest.mark.parametrize(
    ("images", "shape", "said"),
    [
        (np.zeros((3, 4, 4)), None, r"\(n, H, W, C\); got shape \(3, 4, 4\)"),
        (np.zeros((4, 4)), (2, 4), r"got shape \(2, 4\)"),
        (np.zeros((3, 4, 4)), (3, 4, 5, 1), r"60 pixels for shape \(3, 4, 5, 1\); got 48"),
        (np.zeros((3, 4, 4)), (4, 5, 1), r"40 pixels for shape \(2, 4, 5, 1\); got 48"),
        (np.zeros((3, 4, 4)), (4, 0, 1), "got shape"),
        (np.zeros((3, 4, 4)), (-1, 4, 4, 1), "pixels for shape"),
        (np.full((1, 2, 2, 1), np.nan), None, "finite pixels"),
        (np.full((1, 2, 2, 1), -0.1), None, r"pixels in 0..1 or in 0..255; got -0.1"),
        (np.full((1, 2, 2, 1), 256), None, "got 256"),
        (np.full((1, 2, 2, 1), "x"), None, "an integer or float type"),
        (np.full((1, 2, 2, 1), None), None, "an integer or float type"),
    ],
)
def test_what_cannot_be_images_is_refused(images: Any, shape: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        as_images(images, shape)
