"""Structural similarity (Wang et al. 2004, IEEE TIP 13(4)), as scikit-image defines it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.image.blur import RADIUS, SIGMA, TILE, WINDOW, blur_columns, blur_rows

K1, K2 = 0.01, 0.03
_AT_A_TIME = 1 << 14  # windows, whose moments fit into a core's cache

Planes = NDArray[np.float64]
"""The channels of all images as one stack, (n * C, H, W)."""

__all__ = ["SIGMA", "WINDOW", "mean_ssim", "mean_ssim_cropped_and_full", "window_means"]


def mean_ssim(a: NDArray[Any], b: NDArray[Any], extent: float) -> NDArray[np.float64]:
    """Compute the mean SSIM of each pair over the windows that lie entirely inside the image.

    Each value depends only on its own pair.

    Args:
        a, b: images (n, H, W, C), each side at least ``WINDOW`` pixels long.
        extent: the difference between the highest and the lowest possible pixel value.

    Returns:
        One value per pair, (n,).
    """
    return _image_means(_ssim_map(_planes(a), _planes(b), extent), len(a))


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
    full = _ssim_map(_reflected_planes(a), _reflected_planes(b), extent)
    cropped = full[:, RADIUS:-RADIUS, RADIUS:-RADIUS]
    return _image_means(cropped, len(a)), _image_means(full, len(a))


def window_means(planes: Planes) -> Planes:
    """Compute the Gaussian-weighted mean over each window inside the plane: (m, H, W) to (m, H - 10, W - 10)."""
    return blur_columns(blur_rows(planes))


def _ssim_map(x: Planes, y: Planes, extent: float) -> Planes:
    """The SSIM of each window inside the planes, (m, H, W) to (m, H - 10, W - 10), in parts that fit into a cache."""
    count, height, width = len(x), x.shape[1] - 2 * RADIUS, x.shape[2] - 2 * RADIUS
    values: Planes = np.empty((count, height, width))
    planes, rows = max(1, _AT_A_TIME // (height * width)), max(1, _AT_A_TIME // width // TILE) * TILE
    for first in range(0, count, planes):
        for top in range(0, height, rows):
            part = slice(first, first + planes), slice(top, top + rows + 2 * RADIUS)
            _ssim_of(x[part], y[part], extent, values[first : first + planes, top : top + rows])
    return values


def _ssim_of(x: Planes, y: Planes, extent: float, values: Planes) -> None:
    """Write the SSIM of each window inside the planes to ``values``.

    The two variances are needed only as a sum, so four window means are enough.
    """
    moments = np.empty((4, *x.shape))
    moments[0], moments[1] = x, y
    np.multiply(x, x, out=moments[2])
    moments[2] += y * y
    np.multiply(x, y, out=moments[3])
    mean_x, mean_y, squares, products = window_means(moments)
    c1, c2 = (K1 * extent) ** 2, (K2 * extent) ** 2
    means = mean_x * mean_y
    mean_x *= mean_x
    mean_y *= mean_y
    mean_x += mean_y  # the sum of the squared means
    squares -= mean_x  # the sum of the variances
    products -= means  # the covariance
    means *= 2
    means += c1
    products *= 2
    products += c2
    products *= means
    mean_x += c1
    squares += c2
    squares *= mean_x
    np.divide(products, squares, out=values)


def _image_means(planes: Planes, count: int) -> NDArray[np.float64]:
    """The mean over each plane, then over the channels of each image."""
    each = planes.reshape(-1, math.prod(planes.shape[1:])).mean(axis=1)
    means: NDArray[np.float64] = each.reshape(count, -1).mean(axis=1)
    return means


def _planes(images: NDArray[Any]) -> Planes:
    """Images (n, H, W, C) as one stack of channels (n * C, H, W)."""
    count, height, width, channels = images.shape
    stack: Planes = np.ascontiguousarray(np.moveaxis(images, 3, 1), np.float64)
    return stack.reshape(count * channels, height, width)


def _reflected_planes(images: NDArray[Any]) -> Planes:
    """Images (n, H, W, C) as one stack of channels with reflected borders, (n * C, H + 10, W + 10)."""
    count, height, width, channels = images.shape
    stack: Planes = np.empty((count, channels, height + 2 * RADIUS, width + 2 * RADIUS))
    stack[..., RADIUS:-RADIUS, RADIUS:-RADIUS] = np.moveaxis(images, 3, 1)
    for each in (stack, stack.swapaxes(2, 3)):  # the columns of all rows last, so that corners are reflected twice
        each[..., :RADIUS, :] = each[..., RADIUS : 2 * RADIUS, :][..., ::-1, :]
        each[..., -RADIUS:, :] = each[..., -2 * RADIUS : -RADIUS, :][..., ::-1, :]
    return stack.reshape(count * channels, *stack.shape[2:])
