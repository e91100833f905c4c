"""The least change, in the metric of SSIM, that crosses a hyperplane without leaving the pixel range."""

from __future__ import annotations

import numpy as np

from core.attacks.ssim_metric.quadratic_form import Planes, QuadraticForm, dot

_FLAT = 1e-30


class Projection:
    """Solves: least d' Q d with g . d >= c, where low <= d <= high.

    Pixels that would leave the range are fixed at its ends, and the others solved for again (a primal-dual active
    set). Each call starts from the pixels that the last one fixed: from step to step of an attack few of them change.

    Args:
        form: the matrices Q of n images.
        low, high: how far each pixel may change, (n, C, H, W); low <= 0 <= high.
        steps: of conjugate gradients, in each solution.
    """

    def __init__(self, form: QuadraticForm, low: Planes, high: Planes, steps: int) -> None:
        self._form, self._low, self._high, self._steps = form, low, high, steps
        self._at_low, self._at_high = np.zeros(low.shape, bool), np.zeros(low.shape, bool)

    def __call__(self, g: Planes, c: Planes, rounds: int) -> tuple[Planes, Planes]:
        """Project the clean images.

        Args:
            g: normals of the hyperplanes, (n, C, H, W).
            c: their distances times the lengths of the normals, (n, 1, 1, 1).
            rounds: of fixing pixels.

        Returns:
            d, and the steepest direction Q^-1 g of the pixels that are not fixed; (n, C, H, W) each.
        """
        form, low, high = self._form, self._low, self._high
        for _ in range(rounds):
            fixed = np.where(self._at_low, low, 0) + np.where(self._at_high, high, 0)
            free = ~(self._at_low | self._at_high)
            steepest = form.solve(g, free, self._steps)
            evasive = form.solve(form.times(fixed), free, self._steps)
            slope, missing = dot(g, steepest), c - dot(g, fixed) + dot(g, evasive)
            scale = np.maximum(np.divide(missing, slope, out=np.zeros_like(slope), where=slope > _FLAT), 0)
            change = np.where(free, scale * steepest - evasive, fixed)
            wanted = change + (scale * g - form.times(change)) / form.diagonal
            self._at_low, self._at_high = wanted < low, wanted > high
        return np.clip(change, low, high), steepest
