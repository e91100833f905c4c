"""The windows of SSIM in a few parts of the picture, whose sums are each a kernel of its own."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.composition.windows import windows_of

_SIDE = 3  # parts down, and across


@lru_cache(8)
def shares_of(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """What each of the L windows of images of this shape adds to each part (P, L): 1 / L to one of them."""
    windows, channels = windows_of(shape), shape[2]
    height, width = len(windows.down), len(windows.right)
    down, across = _parts(height), _parts(width)
    part = np.repeat(down[:, None] * (across[-1] + 1) + across, channels)
    return np.asarray((np.arange(part[-1] + 1)[:, None] == part) / windows.count)


def _parts(size: int) -> NDArray[np.int64]:
    """The number of the part of each of ``size`` places along one axis."""
    return np.arange(size) * min(_SIDE, size) // size
