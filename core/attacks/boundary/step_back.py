"""Moves adversarial images back towards the clean ones while the goal stays reached.

A sign attack stops somewhere beyond the decision boundary. A search on the segment to the clean image finds the
smallest change that still reaches the goal, with forward passes alone. Its result is that of bisection. Where the
margins at both ends are known, the next place is the zero of the straight line between them, and the margin of an end
that stays is halved (the Illinois method: Dowell and Jarratt 1971, doi 10.1007/BF01934364). That takes two to three
passes per image instead of six.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.attacks.base import Examples
from core.attacks.boundary.segment import Places, Segment
from core.image.pixels import Images
from core.models.inference.classifier import Classifier

BATCHES = 16  # at a time


class SteppedBack(NamedTuple):
    """The result of a search for n images.

    Attributes:
        images: (n, H, W, C).
        forward_passes: (n,), that each image took.
    """

    images: Images
    forward_passes: NDArray[np.int64]


def passes_back(bisections: int) -> int:
    """The forward passes that ``step_back`` takes of an image at most."""
    return 2 * bisections


def step_back(
    classifier: Classifier,
    examples: Examples,
    far: Images,
    bisections: int,
    margins: NDArray[np.float32] | None = None,
) -> SteppedBack:
    """Move each adversarial image towards its clean image as far as the goal stays reached.

    Images move in steps of 1 / 2**bisections of the way; with one step more, the goal would not be reached.

    Args:
        classifier: the attacked model.
        examples: n examples.
        far: (n, H, W, C), images that reach the goal.
        bisections: forward passes per image that bisection would take.
        margins: (2, n), of the clean images and of ``far`` (``Examples.margins``), NaN where unknown.
    """
    known = np.full((2, len(far)), np.nan) if margins is None else margins.astype(np.float64)
    found, passes = np.empty_like(far), np.zeros(len(far), np.int64)
    # Not all at once: NumPy takes several times as long where the images don't fit into the processor's cache.
    for start in range(0, len(far), BATCHES * classifier.batch_size):
        rows = np.arange(start, min(start + BATCHES * classifier.batch_size, len(far)))
        part = _search(classifier, examples.take(rows), far[rows], bisections, known[:, rows])
        found[rows], passes[rows] = part
    return SteppedBack(found, passes)


def _search(
    classifier: Classifier, examples: Examples, far: Images, bisections: int, known: NDArray[np.float64]
) -> SteppedBack:
    segment = Segment(examples, far, 2**bisections)
    found, everyone, passes = far.copy(), np.arange(len(far)), np.zeros(len(far), np.int64)
    # On each segment, the last place where the goal is known not to be reached, and the first one where it is.
    ends = np.stack([np.zeros_like(everyone), np.full_like(everyone, segment.steps)])
    segment.widen(ends, 0, np.flatnonzero(known[0] < 0))
    segment.widen(ends, 1, everyone)
    for tried in itertools.count():
        rows = np.flatnonzero(ends[1] - ends[0] > 1)
        if not len(rows):
            break
        # If the margins mislead, bisection takes as many passes again at most.
        places = _next(ends[:, rows], known[:, rows] if tried < bisections else None)
        candidates = segment.images(rows, places)
        logits = classifier.logits(candidates)
        passes[rows] += 1
        stays = examples.reached(logits.argmax(axis=1), rows)
        found[rows[stays]] = candidates[stays]
        side = stays.astype(np.int64)
        ends[side, rows], known[side, rows] = places, examples.margins(logits, rows)
        known[1 - side, rows] *= 0.5
        segment.widen(ends, 0, rows[~stays])
        segment.widen(ends, 1, rows[stays])
    return SteppedBack(found, passes)


def _next(ends: Places, margins: NDArray[np.float64] | None) -> Places:
    """A place (n,) between the ends (2, n): at the boundary estimated from the margins (2, n), or in the middle."""
    low, high = ends
    share = np.full(len(low), np.nan)
    if margins is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            share = margins[0] / (margins[0] - margins[1])
    share = np.where(np.isfinite(share), share, 0.5)
    return np.asarray(np.clip((low + share * (high - low)).astype(np.int64), low + 1, high - 1))
