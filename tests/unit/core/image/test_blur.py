from __future__ import annotations

import numpy as np
import pytest

from core.image.blur import RADIUS, SIGMA, blur_columns, blur_rows


@pytest.mark.parametrize(("height", "width"), [(11, 12), (26, 27), (28, 28), (43, 90), (234, 58)])
def test_the_window_is_that_of_scipy(height: int, width: int) -> None:
    from scipy.ndimage import gaussian_filter1d

    planes = np.random.default_rng(0).random((2, 3, height, width))
    rows = gaussian_filter1d(planes, SIGMA, axis=2, radius=RADIUS)[:, :, RADIUS:-RADIUS]
    columns = gaussian_filter1d(planes, SIGMA, axis=3, radius=RADIUS)[..., RADIUS:-RADIUS]
    np.testing.assert_allclose(blur_rows(planes), rows, rtol=1e-14)
    np.testing.assert_allclose(blur_columns(planes), columns, rtol=1e-14)


def test_the_bits_of_a_plane_depend_on_no_other() -> None:
    planes = np.random.default_rng(0).random((7, 45, 38))
    for blur in (blur_rows, blur_columns):
        together = blur(planes)
        for index in range(7):
            np.testing.assert_array_equal(blur(planes[index : index + 1])[0], together[index])
            np.testing.assert_array_equal(blur(planes[index].copy()), together[index])
