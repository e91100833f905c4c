"""Mean structural similarity (Wang et al. 2004, IEEE TIP 13(4)), in scikit-image's steps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.image.pixels import Images

WINDOW = 11  # pixels
SIGMA, RADIUS = 1.5, WINDOW // 2
K1, K2 = 0.01, 0.03


def mean_ssim(a: Images, b: Images, extent: float) -> NDArray[np.float64]:
    """One value for each pair of images (n, H, W, C), each side at least a window long, from that pair alone.

    extent: from the lowest to the highest value that a pixel can have.
    """
    x, y = _planes(a), _planes(b)
    mean_x, mean_y = window_means(x), window_means(y)
    variance_x = window_means(x * x) - mean_x * mean_x
    variance_y = window_means(y * y) - mean_y * mean_y
    covariance = window_means(x * y) - mean_x * mean_y
    c1, c2 = (K1 * extent) ** 2, (K2 * extent) ** 2
    luminance = (2 * mean_x * mean_y + c1, mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2, variance_x + variance_y + c2)
    values = (luminance[0] * structure[0]) / (luminance[1] * structure[1])
    return np.asarray(values.reshape(-1, math.prod(values.shape[1:])).mean(axis=1).reshape(len(a), -1).mean(axis=1))


def window_means(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weighted mean over each window that lies wholly in the plane: (m, H, W) to (m, H - 10, W - 10)."""
    from scipy.ndimage import gaussian_filter1d

    for axis in (1, 2):
        planes = gaussian_filter1d(planes, SIGMA, axis=axis, radius=RADIUS)
        planes = planes[:, RADIUS:-RADIUS] if axis == 1 else planes[:, :, RADIUS:-RADIUS]
    return planes


def _planes(images: NDArray[Any]) -> NDArray[np.float64]:
    """Each channel of each image, (n * C, H, W)."""
    count, height, width, channels = images.shape
    return np.moveaxis(images, 3, 1).astype(np.float64).reshape(count * channels, height, width)
