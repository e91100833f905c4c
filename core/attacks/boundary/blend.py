"""Blends two pictures, in fixed shares or with the smallest share of the other picture that reaches the goal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.attacks.base import Examples
from core.attacks.boundary.step_back import SteppedBack, step_back
from core.image.pixels import Bounds, Images
from core.models.inference.classifier import Classifier


def fixed_blend(
    images: Images, others: Images, ssim: NDArray[np.float64], bounds: Bounds, gamma: float = 0.0
) -> Images:
    """alpha * image + beta * other + gamma, clipped to the bounds; alpha = 1 / (3.25 + SSIM), beta = 1 - alpha.

    Where the SSIM is not negative, the other picture has a share of at least 1 - 1 / 3.25 = 0.69.

    Args:
        images, others: (n, H, W, C) within the bounds.
        ssim: (n,), of each image and its other picture, in -1..1.
        bounds: lowest and highest pixel value.
        gamma: added to every pixel, in units of the bounds.
    """
    alpha = (1 / (3.25 + ssim))[:, None, None, None]
    return np.clip(alpha * images + (1 - alpha) * others + gamma, *bounds).astype(np.float32)


def least_blend(
    classifier: Classifier, examples: Examples, others: Images, ssim: NDArray[np.float64], bisections: int
) -> SteppedBack:
    """Find on the segment from each image to the other picture the point nearest to the image that reaches the goal.

    Where the other picture itself does not reach it, there is no such point, and ``fixed_blend`` is returned.

    Args:
        classifier: the attacked model.
        examples: n examples.
        others: (n, H, W, C) within the bounds.
        ssim: (n,), of each image and its other picture, for ``fixed_blend``.
        bisections: the segment has 2**bisections steps.
    """
    logits = classifier.logits(others)
    rows = np.flatnonzero(examples.reached(logits.argmax(axis=1)))
    blended = fixed_blend(examples.images, others, ssim, examples.bounds)
    margins = np.stack([np.full(len(others), np.nan, np.float32), examples.margins(logits)])
    passes = np.ones(len(others), np.int64)
    stepped = step_back(classifier, examples.take(rows), others[rows], bisections, margins[:, rows])
    blended[rows] = stepped.images
    passes[rows] += stepped.forward_passes
    return SteppedBack(blended, passes)
