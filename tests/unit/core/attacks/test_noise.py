from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from core.attacks.base import Examples
from core.attacks.noise import Gaussian, SaltPepper
from tests.classifiers import LinearClassifier

NOBODY = LinearClassifier(np.zeros((2, 1)))


def examples(images: np.ndarray, **more: Any) -> Examples:
    count = len(images)
    return Examples(images.astype(np.float32), np.zeros(count, np.int64), np.arange(count), **more)


@given(st.floats(0, 1), st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3]), st.booleans())
def test_salt_and_pepper_replaces_that_share_of_the_pixels(
    share: float, height: int, width: int, channels: int, eight_bit: bool
) -> None:
    clean = np.full((3, height, width, channels), 0.4)
    data = examples(clean, bounds=(-1.0, 1.0), levels=255 if eight_bit else None)
    found = SaltPepper(share=share).run(NOBODY, data).images
    replaced = np.abs(found) == 1
    assert (replaced == replaced[..., :1]).all(), "a pixel is replaced in all channels"
    assert (found == found[..., :1]).all()
    np.testing.assert_array_equal(replaced[..., 0].sum(axis=(1, 2)), round(share * height * width))
    np.testing.assert_allclose(found[~replaced], 0.4, atol=1 / 255)


def test_salt_is_as_likely_as_pepper_and_any_pixel_as_any_other() -> None:
    found = SaltPepper(share=0.5).run(NOBODY, examples(np.full((2000, 2, 2, 1), 0.5))).images
    # Four standard deviations of 2,000 draws of probability 1/4.
    for value in (0, 1):
        np.testing.assert_allclose((found == value).mean(axis=0), 0.25, atol=4 * np.sqrt(0.25 * 0.75 / 2000))


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-100.0, 155.0)])
def test_gaussian_noise_has_its_mean_and_variance_and_is_clipped(bounds: tuple[float, float]) -> None:
    low, extent = bounds[0], bounds[1] - bounds[0]
    middle = low + 0.5 * extent
    found = Gaussian(mean=0.1, variance=0.04).run(NOBODY, examples(np.full((100, 20, 10, 2), middle), bounds=bounds))
    change = (found.images - np.float32(middle)) / extent
    assert abs(np.median(change) - 0.1) < 4 * 0.2 * np.sqrt(np.pi / 2 / change.size)
    # Clipped where the sum leaves the bounds: above 0.5 - 0.1, two standard deviations, and below -0.6, three.
    assert abs((found.images == np.float32(bounds[1])).mean() - norm.sf(2)) < 2e-3
    assert abs((found.images == np.float32(low)).mean() - norm.sf(3)) < 5e-4
    inside = np.abs(change - 0.1) < 0.2
    assert abs(inside.mean() - (1 - 2 * norm.sf(1))) < 4 * np.sqrt(0.68 * 0.32 / change.size)


def test_of_8_bit_images_noise_leaves_whole_levels() -> None:
    data = examples(np.full((4, 5, 5, 1), 0.2), levels=255)
    levels = Gaussian(variance=0.1).run(NOBODY, data).images * 255
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)


@pytest.mark.parametrize("noise", [SaltPepper(), Gaussian()])
def test_each_image_has_its_own_noise_and_each_seed(noise: Any) -> None:
    clean = np.full((2, 6, 6, 1), 0.5)
    found = noise.run(NOBODY, examples(clean)).images
    assert (found[0] != found[1]).any()
    assert (noise.run(NOBODY, examples(clean, seed=1)).images != found).any()


@pytest.mark.parametrize("nothing", [SaltPepper(share=0), Gaussian(variance=0)])
def test_no_noise_changes_nothing(nothing: Any) -> None:
    data = examples(np.random.default_rng(0).random((3, 4, 4, 3)))
    np.testing.assert_array_equal(nothing.run(NOBODY, data).images, data.images)
