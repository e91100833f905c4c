"""Structural similarity (Wang et al. 2004, IEEE TIP 13(4)), over the windows inside the image and over all windows."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from core.image.pixels import Bounds, Images
from core.image.ssim import SIGMA, WINDOW, mean_ssim_cropped_and_full
from core.registry import METRICS

_AT_A_TIME = 1 << 14  # pixel values, whose moments fit into a core's cache


def both(clean: Images, adversarial: Images, bounds: Bounds) -> dict[str, NDArray[np.float64]]:
    """Compute ``ssim`` and ``ssim_full`` of each pair from one SSIM map.

    11x11 Gaussian window, sigma 1.5, population covariance, per channel. The values agree with those of scikit-image's
    ``structural_similarity`` to 1e-14, and the audit compares a sample with it.

    Args:
        clean, adversarial: images (n, H, W, C) within the bounds.
        bounds: their difference is the data range. The lower bound is subtracted from the pixels, because SSIM
            is not invariant to a shift; so images in 0..1, 0..255 and -1..1 have the same values.

    Returns:
        Values (n,) by name: 1 for equal images, NaN if a side is shorter than the window.
    """
    low, high = bounds
    found = np.full((2, len(clean)), np.nan)
    if min(clean.shape[1:3]) >= WINDOW:
        step = max(1, _AT_A_TIME // math.prod(clean.shape[1:]))
        for start in range(0, len(clean), step):
            some = slice(start, start + step)
            x, y = clean[some], adversarial[some]
            if low != 0:
                x, y = (np.subtract(images, low, dtype=np.float64) for images in (x, y))
            found[:, some] = mean_ssim_cropped_and_full(x, y, high - low)
    return {"ssim": found[0], "ssim_full": found[1]}


class _MeanSsim:
    """Base class of the two metrics: values (n,) for images (n, H, W, C)."""

    name: ClassVar[str]
    shared = staticmethod(both)

    def __call__(self, clean: Images, adversarial: Images, bounds: Bounds) -> NDArray[np.float64]:
        return both(clean, adversarial, bounds)[self.name]


@METRICS.register("ssim")
class Ssim(_MeanSsim):
    """Mean SSIM over the windows entirely inside the image; changes in the outer 5 pixels have little effect."""

    name = "ssim"


@METRICS.register("ssim_full")
class SsimFull(_MeanSsim):
    """Mean SSIM over the windows around every pixel, with the image reflected at its borders."""

    name = "ssim_full"


def by_scikit_image(clean: Images, adversarial: Images, bounds: Bounds) -> dict[str, NDArray[np.float64]]:
    """Compute the values of ``both`` with scikit-image, one pair at a time, for verification."""
    from skimage.metrics import structural_similarity

    low, high = bounds
    found = np.full((2, len(clean)), np.nan)
    for index in range(len(clean) if min(clean.shape[1:3]) >= WINDOW else 0):
        found[0, index], full = structural_similarity(  # type: ignore[no-untyped-call]
            clean[index].astype(np.float64) - low,
            adversarial[index].astype(np.float64) - low,
            data_range=high - low,
            gaussian_weights=True,
            sigma=SIGMA,
            use_sample_covariance=False,
            channel_axis=-1,
            full=True,
        )
        found[1, index] = full.mean()
    return {"ssim": found[0], "ssim_full": found[1]}
