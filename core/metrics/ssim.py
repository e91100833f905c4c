"""Structural similarity (Wang et al. 2004, IEEE TIP 13(4))."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from core.pixels import Images
from core.registry import METRICS

WINDOW = 11  # pixels
_SIGMA, _RADIUS = 1.5, WINDOW // 2
_K1, _K2 = 0.01, 0.03
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
            _ssim(clean[start : start + step], adversarial[start : start + step], bounds[1] - bounds[0])
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
            sigma=_SIGMA,
            use_sample_covariance=False,
            channel_axis=-1,
        )
        for a, b in zip(clean.astype(np.float64), adversarial.astype(np.float64), strict=True)
    ]
    return np.array(values, np.float64)


def _ssim(a: Images, b: Images, extent: float) -> NDArray[np.float64]:
    x, y = _planes(a), _planes(b)
    mean_x, mean_y = _window_means(x), _window_means(y)
    variance_x = _window_means(x * x) - mean_x * mean_x
    variance_y = _window_means(y * y) - mean_y * mean_y
    covariance = _window_means(x * y) - mean_x * mean_y
    c1, c2 = (_K1 * extent) ** 2, (_K2 * extent) ** 2
    luminance = (2 * mean_x * mean_y + c1, mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2, variance_x + variance_y + c2)
    values = (luminance[0] * structure[0]) / (luminance[1] * structure[1])
    return np.asarray(values.reshape(-1, math.prod(values.shape[1:])).mean(axis=1).reshape(len(a), -1).mean(axis=1))


def _planes(images: Images) -> NDArray[np.float64]:
    """Each channel of each image, (n * C, H, W)."""
    count, height, width, channels = images.shape
    return np.moveaxis(images, 3, 1).astype(np.float64).reshape(count * channels, height, width)


def _window_means(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weighted mean over each window that lies wholly in the image, (m, H - 10, W - 10)."""
    from scipy.ndimage import gaussian_filter1d

    for axis in (1, 2):
        planes = gaussian_filter1d(planes, _SIGMA, axis=axis, radius=_RADIUS)
        planes = planes[:, _RADIUS:-_RADIUS] if axis == 1 else planes[:, :, _RADIUS:-_RADIUS]
    return planes
