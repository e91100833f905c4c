"""The SSIM formula for one image and many others whose window statistics are known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.composition.windows import window_statistics
from core.image.pixels import Bounds, Images
from core.image.ssim import K1, K2

Real = NDArray[np.floating[Any]]


class Terms:
    """The terms of the SSIM formula that depend on one image (H, W, C) alone, for each of its L windows.

    SSIM is (2 m m' + C1) (2 cov + C2) / ((m^2 + m'^2 + C1) (v + v' + C2)). The only term that depends on both images
    is 2 E[x y], since 2 cov = 2 E[x y] - 2 E[x] m' + 2 E[x] base. Here x is the first image's pixels minus the lower
    bound, y the second image's pixels minus ``base``, and all pixels are divided by the extent of the bounds.

    twice: 2 x, (H, W, C). rounding: bound on the error of the mean of ``values`` in single precision.
    """

    def __init__(self, image: Images, bounds: Bounds, base: float, dtype: type[np.floating[Any]]) -> None:
        extent = bounds[1] - bounds[0]
        lowest = bounds[0] / extent
        means, variances = (each[0] for each in window_statistics(image[None], bounds))
        above = means - lowest
        self.twice = 2 * (image.astype(np.float64) / extent - lowest)
        self._twice_mean, self._squared = (2 * means).astype(dtype), (means**2 + K1**2).astype(dtype)
        self._twice_above, self._shift = (2 * above).astype(dtype), (2 * above * base + K2**2).astype(dtype)
        self._variance = (variances + K2**2).astype(dtype)
        # There are two roundings in the factors, one in the product and 12 in each sum, all relative to 2 E|x y|, and
        # a few in the means and the rest. E|x y| <= E[x^2]^(1/2) (1 + |lowest|), and the luminance is at most 1.
        size = np.sqrt(variances + above**2) * (1 + abs(lowest)) / (variances + K2**2)
        self.rounding = 80 * 2.0**-24 * (1 + float(size.mean()))

    def values(self, twice_products: Real, means: Real, variances: Real) -> Real:
        """Compute the SSIM of each window in place of ``twice_products``.

        Args:
            twice_products: 2 E[x y], (n, L); overwritten with the result.
            means, variances: m' and v', (n, L).
        """
        structure = twice_products
        structure -= means * self._twice_above
        structure += self._shift
        other = means * self._twice_mean
        other += K1**2
        structure *= other
        np.multiply(means, means, out=other)
        other += self._squared
        other *= variances + self._variance
        structure /= other
        return structure
