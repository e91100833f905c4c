"""The Gaussian window of SSIM along one axis of planes, as small matrix products.

A product with a band matrix multiplies by zeros too, but runs at the rate of matrix products, which takes a third of
the time of a loop over the taps. Each product has the windows of one tile of one plane, so their bits depend neither on
the number of planes nor on the other planes.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

WINDOW = 11  # pixels
SIGMA, RADIUS = 1.5, WINDOW // 2
WEIGHTS = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
WEIGHTS /= WEIGHTS.sum()
TILE = 16  # windows, at most, in one product


def blur_rows(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the weighted sums over windows of rows: (..., H, W) to (..., H - 10, W)."""
    *stack, height, width = planes.shape
    found = np.empty((*stack, height - 2 * RADIUS, width))
    for first, tiles, size in _tiles(height - 2 * RADIUS):
        windows = _overlapping(planes[..., first:, :], -2, tiles, size + 2 * RADIUS, size)
        np.matmul(_band(size), windows, out=_overlapping(found[..., first:, :], -2, tiles, size, size))
    return found


def blur_columns(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the weighted sums over windows of columns: (..., H, W) to (..., H, W - 10)."""
    *stack, height, width = planes.shape
    found = np.empty((*stack, height, width - 2 * RADIUS))
    for first, tiles, size in _tiles(width - 2 * RADIUS):
        windows = _overlapping(planes[..., first:], -1, tiles, size + 2 * RADIUS, size)
        np.matmul(windows, _band(size).T, out=_overlapping(found[..., first:], -1, tiles, size, size))
    return found


def _tiles(windows: int) -> list[tuple[int, int, int]]:
    """Divide windows into as few tiles as possible, of two sizes at most: the first window, the tiles, their size."""
    tiles = -(-windows // TILE)
    size, larger = divmod(windows, tiles)
    return [(0, larger, size + 1), (larger * (size + 1), tiles - larger, size)]


def _overlapping(planes: NDArray[np.float64], axis: int, tiles: int, length: int, step: int) -> NDArray[np.float64]:
    """Views of ``length`` rows or columns, each ``step`` after the one before: (..., tiles, H, W)."""
    shape, strides = list(planes.shape), list(planes.strides)
    shape[axis] = length
    shape.insert(-2, tiles)
    strides.insert(-2, step * strides[axis])
    return as_strided(planes, shape, strides)


@cache
def _band(size: int) -> NDArray[np.float64]:
    """The matrix (size, size + 10) from pixels to their windows' weighted sums."""
    band = np.zeros((size, size + 2 * RADIUS))
    for window in range(size):
        band[window, window : window + WINDOW] = WEIGHTS
    return band
