"""SSIM of images with a fixed set of landmark images, per region, in double precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.composition.regions import region_weights
from core.composition.ssim_terms import Terms
from core.composition.windows import window_statistics, windows_of
from core.image.pixels import Bounds, Images

_AT_A_TIME = 128  # landmarks, which fit into a processor's cache


class Landmarks:
    """m landmark images (m, H, W, C), stored with the image axis last, so that few large matrix products suffice."""

    def __init__(self, images: Images, bounds: Bounds) -> None:
        self._bounds, self._count = bounds, len(images)
        self._windows, self._shares = windows_of(images.shape[1:]), region_weights(images.shape[1:])
        self._parts = [self._beside(images[start : start + _AT_A_TIME]) for start in range(0, len(images), _AT_A_TIME)]

    def kernel(self, images: Images) -> NDArray[np.float64]:
        """Compute each region's contribution (n, P, m) to the SSIM of images (n, H, W, C) with each landmark."""
        found = np.empty((len(images), len(self._shares), self._count))
        for row, image in zip(found, images, strict=True):
            terms = Terms(image, self._bounds, 0.0, np.float64)
            np.concatenate([self._some(terms, *part) for part in self._parts], axis=1, out=row)
        return found

    def _beside(self, images: Images) -> tuple[NDArray[np.float64], ...]:
        """Pixels (H, W, C, m), and window means and variances (L, m)."""
        pixels = images.astype(np.float64) / (self._bounds[1] - self._bounds[0])
        statistics = window_statistics(images, self._bounds)
        return np.ascontiguousarray(np.moveaxis(pixels, 0, 3)), *(np.ascontiguousarray(each.T) for each in statistics)

    def _some(
        self, terms: Terms, pixels: NDArray[np.float64], means: NDArray[np.float64], variances: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        height, width = pixels.shape[:2]
        products = pixels * terms.twice[..., None]
        along_columns = self._windows.down @ products.reshape(height, -1)
        sums = np.matmul(self._windows.right, along_columns.reshape(-1, width, pixels[0, 0].size))
        return np.asarray(self._shares @ terms.values(sums.reshape(means.shape).T, means.T, variances.T).T)
