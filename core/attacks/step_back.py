"""From an image whose prediction is as wanted back towards the clean one, as far as it stays so.

A sign attack stops somewhere behind the decision boundary. Bisection on the line to the clean image
finds the least change that still does, by forward passes alone; it costs one pass
per bisection.

The least change is so close to the boundary that rounding to 8 bits undoes it. So where the images
came as 8-bit ones, the change is cut to whole levels before it is tried.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.attacks.base import Examples
from core.models.classifier import Classifier, predict
from core.pixels import Images


def step_back(classifier: Classifier, examples: Examples, far: Images, bisections: int) -> Images:
    """``far`` (n, H, W, C), all predicted as is wanted, each moved towards its clean image."""
    clean, count = examples.images, len(far)
    best, too_near = far, np.full_like(far, np.nan)
    least, most = np.zeros(count, np.float32), np.ones(count, np.float32)
    for _ in range(bisections):
        share = (least + most) * np.float32(0.5)
        candidate = _between(clean, far, share, examples)
        # In whole levels, the last bisections mostly come to what was tried before.
        stays, fails = _equal(candidate, best), _equal(candidate, too_near)
        new = np.flatnonzero(~(stays | fails))
        if len(new):
            stays[new] = examples.reached(predict(classifier, candidate[new]), new)
        best = np.where(stays[:, None, None, None], candidate, best)
        too_near = np.where(stays[:, None, None, None], too_near, candidate)
        most, least = np.where(stays, share, most), np.where(stays, least, share)
    return best


def _equal(a: Images, b: Images) -> NDArray[np.bool_]:
    return np.asarray((a == b).all(axis=(1, 2, 3)))


def _between(clean: Images, far: Images, share: NDArray[np.float32], examples: Examples) -> Images:
    change = share[:, None, None, None] * (far - clean)
    if examples.levels:
        level = np.float32((examples.bounds[1] - examples.bounds[0]) / examples.levels)
        # A little more than a whole number of levels is that number: the change was rounded itself.
        change = np.trunc(change / level + np.sign(change) * np.float32(1e-3)) * level
    mixed = clean + change
    # Rounding must not lead out of the box between the two, which lies within ball and bounds.
    return np.clip(mixed, np.minimum(clean, far), np.maximum(clean, far))
