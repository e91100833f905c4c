"""The SSIM windows as matrices, so that the window means of many images take two matrix products."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from core.image.pixels import Bounds, Images
from core.image.ssim import WINDOW, window_means


class Windows:
    """The L = (H - 10) * (W - 10) * C windows of images (H, W, C); raises DataError for sides shorter than 11 pixels.

    down: (H - 10, H), the Gaussian weights along the columns. right: (W - 10, W), along the rows.
    across: (W * C, (W - 10) * C), ``right`` for rows with interleaved channels.
    count: L.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        height, width, channels = shape
        if min(height, width) < WINDOW:
            raise DataError(
                f"images of {WINDOW}x{WINDOW} pixels or more, the SSIM window",
                f"{height}x{width}",
                "enlarge the images, or choose an attack other than composition",
            )
        self.down, self.right = _weights(height), _weights(width)
        self.across = np.kron(self.right.T, np.eye(channels))
        self.count = len(self.down) * self.across.shape[1]

    def means(self, images: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute the window means (n, L) of images (n, H, W, C)."""
        count, height = images.shape[:2]
        along_rows = (images.reshape(count * height, -1) @ self.across).reshape(count, height, -1)
        return np.asarray(np.matmul(self.down, along_rows).reshape(count, -1))


@lru_cache(8)
def windows_of(shape: tuple[int, ...]) -> Windows:
    """The windows of images of this shape, cached."""
    return Windows(shape)


def window_statistics(images: Images, bounds: Bounds) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute window means and variances (n, L) of images (n, H, W, C) divided by the extent of the bounds."""
    windows, extent = windows_of(images.shape[1:]), bounds[1] - bounds[0]
    scaled = images.astype(np.float64) / extent
    means = windows.means(scaled)
    return means, np.maximum(windows.means(scaled * scaled) - means * means, 0)


def _weights(size: int) -> NDArray[np.float64]:
    """The matrix (size - 10, size) that applies ``core.image.ssim.window_means`` along one axis."""
    units = np.repeat(np.eye(size)[..., None], WINDOW, axis=2)
    return np.ascontiguousarray(window_means(units)[..., 0].T)
