"""Structural similarity (Wang et al. 2004, IEEE TIP 13(4)), with scikit-image's steps in its order."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

WINDOW = 11  # pixels
SIGMA, RADIUS = 1.5, WINDOW // 2
K1, K2 = 0.01, 0.03

Planes = NDArray[np.float64]
"""The channels of all images as one stack, (n * C, H, W)."""


def mean_ssim(a: NDArray[Any], b: NDArray[Any], extent: float) -> NDArray[np.float64]:
    """Compute the mean SSIM of each pair over the windows that lie entirely inside the image.

    Each value depends only on its own pair.

    Args:
        a, b: images (n, H, W, C), each side at least ``WINDOW`` pixels long.
        extent: the difference between the highest and the lowest possible pixel value.

    Returns:
        One value per pair, (n,).
    """
    return _image_means(_ssim_map(_planes(a), _planes(b), extent, window_means), len(a))


def mean_ssim_cropped_and_full(
    a: NDArray[Any], b: NDArray[Any], extent: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute ``mean_ssim`` and the mean over the windows around every pixel, from one SSIM map.

    The image is reflected at its borders, as in ``structural_similarity(..., full=True)``.

    Args:
        a, b, extent: as for ``mean_ssim``.

    Returns:
        The cropped and the full means, (n,) each.
    """
    full = _ssim_map(_planes(a), _planes(b), extent, _reflected_window_means)
    cropped = full[:, RADIUS:-RADIUS, RADIUS:-RADIUS]
    return _image_means(cropped, len(a)), _image_means(full, len(a))


def window_means(planes: Planes) -> Planes:
    """Compute the Gaussian-weighted mean over each window inside the plane: (m, H, W) to (m, H - 10, W - 10)."""
    rows = _blur(planes, axis=1)[:, RADIUS:-RADIUS]
    return _blur(rows, axis=2)[:, :, RADIUS:-RADIUS]


def _reflected_window_means(planes: Planes) -> Planes:
    """The Gaussian-weighted mean over the window around each pixel of (m, H, W)."""
    return _blur(_blur(planes, axis=1), axis=2)


def _blur(planes: Planes, axis: int) -> Planes:
    from scipy.ndimage import gaussian_filter1d

    blurred: Planes = gaussian_filter1d(planes, SIGMA, axis=axis, radius=RADIUS)
    return blurred


def _ssim_map(x: Planes, y: Planes, extent: float, means: Callable[[Planes], Planes]) -> Planes:
    """The SSIM of each window; ``means`` computes the window means."""
    mean_x, mean_y = means(x), means(y)
    variance_x = means(x * x) - mean_x * mean_x
    variance_y = means(y * y) - mean_y * mean_y
    covariance = means(x * y) - mean_x * mean_y
    c1, c2 = (K1 * extent) ** 2, (K2 * extent) ** 2
    luminance = (2 * mean_x * mean_y + c1, mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2, variance_x + variance_y + c2)
    values: Planes = (luminance[0] * structure[0]) / (luminance[1] * structure[1])
    return values


def _image_means(planes: Planes, count: int) -> NDArray[np.float64]:
    """The mean over each plane, then over the channels of each image."""
    each = planes.reshape(-1, math.prod(planes.shape[1:])).mean(axis=1)
    means: NDArray[np.float64] = each.reshape(count, -1).mean(axis=1)
    return means


def _planes(images: NDArray[Any]) -> Planes:
    """Images (n, H, W, C) as one stack of channels (n * C, H, W)."""
    count, height, width, channels = images.shape
    return np.moveaxis(images, 3, 1).astype(np.float64, copy=False).reshape(count * channels, height, width)
