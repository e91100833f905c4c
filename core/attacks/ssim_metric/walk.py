"""The walk of a batch of images along the decision boundary, in the metric of SSIM."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.attacks.base import Examples
from core.attacks.ssim_metric.projection import Projection
from core.attacks.ssim_metric.quadratic_form import Planes, QuadraticForm, dot
from core.image.pixels import Images
from core.image.ssim import mean_ssim_cropped_and_full
from core.models.inference.classifier import Classifier

_CONJUGATE_STEPS = 8
_FIRST_ROUNDS = 5  # of fixing pixels, from none
_FLAT = 1e-30
_FIRST_STRIDE, _GROWTH = 0.005, 1.5  # of a lost image: the first in units of the pixel range, per pixel


class Walk:
    """The state of at most a batch of images that are not beyond the boundary.

    Attributes:
        classifier, examples: what is attacked.
        form, clean: the metric, and the clean images as planes.
        best: the change of the highest SSIM that flips the prediction; where ``found`` is False, the last change.
        found: (n,), whether a point that flips has been found.
        vanished: (n,), whether the first gradient gave no direction.
    """

    def __init__(self, classifier: Classifier, examples: Examples) -> None:
        low, high = examples.bounds
        self.classifier, self.examples, self._extent = classifier, examples, high - low
        self.clean = _planes((examples.images.astype(np.float64) - low) / self._extent)
        self.form = QuadraticForm(self.clean)
        self._low, self._high = -self.clean, 1 - self.clean
        self._project = Projection(self.form, self._low, self._high, _CONJUGATE_STEPS)
        self._change, self.best = np.zeros_like(self.clean), np.zeros_like(self.clean)
        count = len(self.clean)
        self._ssim = np.full(count, -np.inf)
        self.found, self.vanished = np.zeros(count, bool), np.zeros(count, bool)
        self._stride = np.full((count, 1, 1, 1), _FIRST_STRIDE * np.sqrt(self.clean[:1].size))
        self._taken = 0

    def step(self, alpha: float, overshoot: float, backward: float, *, lost: bool) -> None:
        """Take a step: two forward passes and a backward pass of every image.

        Args:
            alpha: the largest share of the clean image's projection.
            overshoot: beyond the boundary, as a share of the way there.
            backward: the share of the change that remains after a step that flips.
            lost: whether images of which no point flips yet go up the gradient instead.
        """
        margins, g = self.gradient(self._change, keep=True)
        usable = (dot(g, g) > 0) & np.isfinite(margins)
        if not self._taken:
            self.vanished = ~usable.ravel()
        length = np.sqrt(np.where(usable, dot(g, g), 1))
        g, below = g / length, np.where(usable, -margins, 0) / length
        at = self._change
        least, steepest = self._project(g, dot(g, at) + below, 1 if self._taken else _FIRST_ROUNDS)
        free = ~(((at <= self._low) & (g < 0)) | ((at >= self._high) & (g > 0)))
        here = self._towards(g, below, steepest * free)
        sizes = [np.sqrt(np.maximum(self.form.size(way), 0)) for way in (here, least)]
        share = np.minimum(sizes[0] / np.maximum(sizes[0] + sizes[1], _FLAT), alpha)
        moved = (1 - share) * self._inside(at + (1 + overshoot) * here) + share * self._inside((1 + overshoot) * least)
        if lost:
            uphill = g * free
            uphill *= self._stride / np.sqrt(np.maximum(dot(uphill, uphill), _FLAT))
            astray = ~self.found.reshape(-1, 1, 1, 1)
            moved = np.where(astray, self._inside(at + uphill), moved)
            self._stride = np.where(astray, _GROWTH * self._stride, self._stride)
        moved = np.where(usable, self._inside(moved), at)
        flips = self._keep(moved, self.flips(self.images(moved)))
        self._change = np.where(flips.reshape(-1, 1, 1, 1), backward * moved, moved)
        self.best = np.where(self.found.reshape(-1, 1, 1, 1), self.best, self._change)
        self._taken += 1

    def gradient(self, change: Planes, *, keep: bool = False) -> tuple[Planes, Planes]:
        """The margins (n, 1, 1, 1) at the changed images, and their gradients in units of the range (n, C, H, W).

        Where a gradient is not finite, it is zero. With ``keep``, points that flip are candidates for the best.
        """
        logits, found = self.classifier.gradient(self.images(change), self.examples.labels, "margin")
        if keep and self.classifier.exact:
            self._keep(change, self.examples.reached(logits.argmax(axis=1)))
        g = _planes(found.astype(np.float64) * self._extent)
        finite = np.isfinite(g).all(axis=(1, 2, 3), keepdims=True)
        return self.examples.margins(logits).astype(np.float64).reshape(-1, 1, 1, 1), np.where(finite, g, 0)

    def images(self, change: Planes) -> Images:
        """The changed images (n, H, W, C)."""
        moved = self.examples.images + self._extent * np.moveaxis(change, 1, 3)
        low, high = np.asarray(self.examples.bounds, np.float32)
        return np.clip(np.ascontiguousarray(moved, np.float32), low, high)

    def flips(self, images: Images, rows: NDArray[np.intp] | slice = slice(None)) -> NDArray[np.bool_]:
        """Whether the predictions of changed images reach the goal, (n,): a forward pass each."""
        return self.examples.reached(self.classifier.logits(images).argmax(axis=1), rows)

    def _towards(self, g: Planes, below: Planes, direction: Planes) -> Planes:
        """From the current point onto the boundary along a direction."""
        slope = dot(g, direction)
        return np.asarray(np.divide(below, slope, out=np.zeros_like(below), where=slope > _FLAT) * direction)

    def _inside(self, change: Planes) -> Planes:
        return np.clip(change, self._low, self._high)

    def _keep(self, change: Planes, flips: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Note the changes of a higher SSIM than the best among those that flip, and return ``flips``."""
        rows = np.flatnonzero(flips)
        if len(rows):
            clean, moved = (np.moveaxis(each[rows], 1, 3) for each in (self.clean, self.clean + change))
            ssim = mean_ssim_cropped_and_full(clean, moved, 1.0)[1]
            better = ssim > self._ssim[rows]
            self._ssim[rows[better]] = ssim[better]
            self.best[rows[better]] = change[rows[better]]
            self.found[rows] = True
        return flips


def _planes(images: NDArray[np.float64]) -> Planes:
    return np.ascontiguousarray(np.moveaxis(images, 3, 1))
