"""The loss of uncropped SSIM by a small change of an image, as a quadratic form.

With G the mean over the Gaussian windows, mu and sigma^2 the means and variances of the clean image's windows, and N
the number of windows in all channels, to second order in the change d (from Wang et al. 2004, equation 13):

    1 - SSIM(x, x + d) = d' Q d = sum of a (G d)^2 + b (G d^2 - (G d)^2), over N,
    a = 1 / (2 mu^2 + C1), b = 1 / (2 sigma^2 + C2),
    Q d = (G (a - b) G d + (G b) d) / N.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.attacks.ssim_metric.reflected_blur import blur
from core.image.ssim import K1, K2

Planes = NDArray[np.float64]
"""The channels of n images, (n, C, H, W), in units of the pixel range; pixels above the lower bound."""


def dot(a: Planes, b: Planes) -> Planes:
    """Compute the inner product of each pair of images, (n, 1, 1, 1)."""
    return np.asarray((a * b).reshape(len(a), -1).sum(axis=1).reshape(-1, 1, 1, 1))


class QuadraticForm:
    """The matrices Q of n images.

    Args:
        clean: the images, (n, C, H, W) in 0..1, each side at least 11 pixels long.

    Attributes:
        diagonal: of each Q, (n, C, H, W).
    """

    def __init__(self, clean: Planes) -> None:
        windows = max(1, clean[:1].size)
        mean = blur(clean)
        variance = np.maximum(blur(clean * clean) - mean * mean, 0)
        a, b = 1 / (2 * mean * mean + K1**2), 1 / (2 * variance + K2**2)
        self._means = (a - b) / windows
        self._pixels = blur(b) / windows
        self.diagonal = blur(self._means, squared=True) + self._pixels

    def times(self, change: Planes) -> Planes:
        """Compute Q d, (n, C, H, W)."""
        found = blur(change)
        found *= self._means
        found = blur(found)
        found += self._pixels * change
        return found

    def size(self, change: Planes) -> Planes:
        """Compute d' Q d, (n, 1, 1, 1)."""
        return dot(change, self.times(change))

    def solve(self, right: Planes, free: NDArray[np.bool_], steps: int) -> Planes:
        """Compute Q^-1 g by conjugate gradients, with the diagonal as preconditioner.

        Args:
            right: g, (n, C, H, W).
            free: (n, C, H, W), the pixels that may differ from 0; the equations of the others are left out.
            steps: of conjugate gradients.
        """
        weights = free / self.diagonal
        found, rest = np.zeros_like(right), right.copy()
        direction = weights * rest
        gain = dot(rest, direction)
        for _ in range(steps):
            image = self.times(direction)
            length = _ratio(gain, dot(direction, image))
            found += length * direction
            rest -= length * image
            scaled = weights * rest
            before, gain = gain, dot(rest, scaled)
            direction *= _ratio(gain, before)
            direction += scaled
        return found


def _ratio(a: Planes, b: Planes) -> Planes:
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)
