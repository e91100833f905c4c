"""Structural similarity (Wang et al. 2004, IEEE TIP 13(4))."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from core.image.pixels import Images
from core.image.ssim import SIGMA, WINDOW, mean_ssim
from core.registry import METRICS

_AT_A_TIME = 1 << 15  # pixel values: what fits into a processor's cache


@METRICS.register("ssim")
class Ssim:
    """Mean SSIM of each pair: 11x11 Gaussian window, sigma 1.5, population covariance.

    The data range is that of the bounds. 1 for equal images. NaN where a side is shorter than the
    window, for which it isn't defined. The steps are those of scikit-image's ``structural_similarity``
    in its order, for many images at a time: the values agree to 1e-15, and the audit asks it for a sample.
    """

    def __call__(self, clean: Images, adversarial: Images, bounds: tuple[float, float]) -> NDArray[np.float64]:
        """One value (n,) for images (n, H, W, C)."""
        if min(clean.shape[1:3]) < WINDOW:
            return np.full(len(clean), np.nan)
        step = max(1, _AT_A_TIME // math.prod(clean.shape[1:]))
        parts = [
            mean_ssim(clean[start : start + step], adversarial[start : start + step], bounds[1] - bounds[0])
            for start in range(0, len(clean), step)
        ]
        return np.concatenate([np.empty(0), *parts])


def by_scikit_image(clean: Images, adversarial: Images, bounds: tuple[float, float]) -> NDArray[np.float64]:
    """The same values from scikit-image itself, one image at a time, to check them."""
    from skimage.metrics import structural_similarity

    if min(clean.shape[1:3]) < WINDOW:
        return np.full(len(clean), np.nan)
    values = [
        structural_similarity(  # type: ignore[no-untyped-call]
            a,
            b,
            data_range=bounds[1] - bounds[0],
            gaussian_weights=True,
            sigma=SIGMA,
            use_sample_covariance=False,
            channel_axis=-1,
        )
        for a, b in zip(clean.astype(np.float64), adversarial.astype(np.float64), strict=True)
    ]
    return np.array(values, np.float64)
