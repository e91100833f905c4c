"""Which of the two levels nearest to each pixel value it is rounded to, so that the image stays beyond the boundary."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.attacks.ssim_metric.quadratic_form import Planes, QuadraticForm

_NEARLY = 1e-3  # of a level: what float32 leaves of a whole number
_NEVER = np.inf


class GreedyRounding:
    """Nearest levels, but for the m pixels whose other level moves the image beyond the boundary at the least cost.

    A pixel's other level is worth its gradient, and costs what it adds to d' Q d; the best ratios come first.

    Args:
        form: the matrices Q of the clean images.
        clean, change: (n, C, H, W), in units of the pixel range.
        gradient: of the margin at clean + change, (n, C, H, W).
        levels: steps from the lowest to the highest pixel value.

    Attributes:
        candidates: (n,), the pixels that have another level in the gradient's direction: the largest m.
    """

    def __init__(self, form: QuadraticForm, clean: Planes, change: Planes, gradient: Planes, levels: int) -> None:
        exact = np.clip((clean + change) * levels, 0, levels)
        self._nearest = np.rint(exact)
        onwards = np.where(gradient > 0, np.ceil(exact), np.floor(exact))
        between = (np.abs(exact - self._nearest) > _NEARLY) & (gradient != 0)
        self._move = np.where(between, onwards - self._nearest, 0)
        move = self._move / levels
        cost = 2 * move * form.times(self._nearest / levels - clean) + move * move * form.diagonal
        gain = np.abs(gradient * move)
        ratio = np.divide(cost, gain, out=np.full_like(cost, _NEVER), where=gain > 0)
        order = ratio.reshape(len(ratio), -1).argsort(axis=1, kind="stable")
        self._rank = order.argsort(axis=1, kind="stable").reshape(ratio.shape)
        self.candidates: NDArray[np.int64] = np.isfinite(ratio).reshape(len(ratio), -1).sum(axis=1)

    def levels(self, count: NDArray[np.int64], rows: NDArray[np.intp]) -> Planes:
        """The levels, (m, C, H, W), of the images at ``rows`` with ``count`` pixels away from the nearest level."""
        moved = self._rank[rows] < count.reshape(-1, 1, 1, 1)
        return np.asarray(self._nearest[rows] + self._move[rows] * moved)


def outwards(clean: Planes, change: Planes, levels: int, scale: float) -> Planes:
    """The levels, (n, C, H, W), of a change that is multiplied by ``scale`` and rounded away from the clean image."""
    size = np.ceil(np.abs(change) * (scale * levels) - _NEARLY)
    return np.asarray(np.clip(np.rint(clean * levels) + np.copysign(size, change), 0, levels))
