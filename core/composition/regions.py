"""Divides the SSIM windows of an image into regions; the sum over each region is a kernel."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.composition.windows import windows_of

_SIDE = 3  # regions along each axis


@lru_cache(8)
def region_weights(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The weight (P, L) of each window in each region: 1 / L in the region that holds the window, 0 in the others."""
    windows, channels = windows_of(shape), shape[2]
    height, width = len(windows.down), len(windows.right)
    down, across = _parts(height), _parts(width)
    part = np.repeat(down[:, None] * (across[-1] + 1) + across, channels)
    return np.asarray((np.arange(part[-1] + 1)[:, None] == part) / windows.count)


def _parts(size: int) -> NDArray[np.int64]:
    """The region number of each of ``size`` positions along one axis."""
    return np.arange(size) * min(_SIDE, size) // size
