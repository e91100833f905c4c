"""From an image whose prediction is as wanted back towards the clean one, as far as it stays so.

A sign attack stops somewhere behind the decision boundary. A search on the line to the clean image
finds the least change that still does, by forward passes alone. It ends where bisection would; but where
the margins of the logits at both ends are known, what is tried next is where the straight line between
them crosses zero, and the margin of an end that stays is halved (after the Illinois method: Dowell and
Jarratt 1971, doi 10.1007/BF01934364). Of six passes an image, that leaves between two and three.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from core.attacks.base import Examples
from core.attacks.boundary.segment import Line, Places
from core.image.pixels import Images
from core.models.inference.classifier import Classifier

_BATCHES = 16  # at a time


def step_back(
    classifier: Classifier,
    examples: Examples,
    far: Images,
    bisections: int,
    margins: NDArray[np.float32] | None = None,
) -> Images:
    """``far`` (n, H, W, C), all predicted as is wanted, each moved towards its clean image.

    By whole steps of 1 / 2**bisections of the way; with one more, the prediction would not be as wanted.
    margins: (2, n), of the clean images and of ``far`` (``Examples.margins``), NaN where not known.
    """
    known = np.full((2, len(far)), np.nan) if margins is None else margins.astype(np.float64)
    found = np.empty_like(far)
    # Not all at once: NumPy takes several times as long where the images don't fit into the processor's cache.
    for start in range(0, len(far), _BATCHES * classifier.batch_size):
        rows = np.arange(start, min(start + _BATCHES * classifier.batch_size, len(far)))
        found[rows] = _search(classifier, examples.take(rows), far[rows], bisections, known[:, rows])
    return found


def _search(
    classifier: Classifier, examples: Examples, far: Images, bisections: int, known: NDArray[np.float64]
) -> Images:
    line = Line(examples, far, 2**bisections)
    found, everyone = far.copy(), np.arange(len(far))
    # On each line, the last place that is known not to be predicted as wanted, and the first one that is.
    ends = np.stack([np.zeros_like(everyone), np.full_like(everyone, line.steps)])
    line.widen(ends, 0, np.flatnonzero(known[0] < 0))
    line.widen(ends, 1, everyone)
    for tried in itertools.count():
        rows = np.flatnonzero(ends[1] - ends[0] > 1)
        if not len(rows):
            break
        # As often again at most, should the margins mislead.
        places = _next(ends[:, rows], known[:, rows] if tried < bisections else None)
        candidates = line.images(rows, places)
        logits = classifier.logits(candidates)
        stays = examples.reached(logits.argmax(axis=1), rows)
        found[rows[stays]] = candidates[stays]
        side = stays.astype(np.int64)
        ends[side, rows], known[side, rows] = places, examples.margins(logits, rows)
        known[1 - side, rows] *= 0.5
        line.widen(ends, 0, rows[~stays])
        line.widen(ends, 1, rows[stays])
    return found


def _next(ends: Places, margins: NDArray[np.float64] | None) -> Places:
    """A place (n,) between the ends (2, n): where the margins (2, n) let expect the boundary, or the middle."""
    low, high = ends
    share = np.full(len(low), np.nan)
    if margins is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            share = margins[0] / (margins[0] - margins[1])
    share = np.where(np.isfinite(share), share, 0.5)
    return np.asarray(np.clip((low + share * (high - low)).astype(np.int64), low + 1, high - 1))
