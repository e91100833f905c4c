"""Structural similarity (Wang et al. 2004, IEEE TIP 13(4))."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.pixels import Images
from core.registry import METRICS

WINDOW = 11  # pixels; scikit-image derives it from sigma 1.5


@METRICS.register("ssim")
class Ssim:
    """Mean SSIM of each pair: 11x11 Gaussian window, sigma 1.5, population covariance.

    The data range is that of the bounds. 1 for equal images. NaN where a side is shorter than the
    window, for which it isn't defined.
    """

    def __call__(self, clean: Images, adversarial: Images, bounds: tuple[float, float]) -> NDArray[np.float64]:
        """One value (n,) for images (n, H, W, C)."""
        from skimage.metrics import structural_similarity

        if min(clean.shape[1:3]) < WINDOW:
            return np.full(len(clean), np.nan)
        values = [
            structural_similarity(  # type: ignore[no-untyped-call]
                a,
                b,
                data_range=bounds[1] - bounds[0],
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
                channel_axis=-1,
            )
            for a, b in zip(clean.astype(np.float64), adversarial.astype(np.float64), strict=True)
        ]
        return np.array(values, np.float64)
