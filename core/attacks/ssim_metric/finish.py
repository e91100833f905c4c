"""The end of a walk: its best points as images, on their levels if they have some."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from core.attacks.base import Attacked
from core.attacks.ssim_metric.quadratic_form import Planes
from core.attacks.ssim_metric.rounding import GreedyRounding, outwards
from core.attacks.ssim_metric.walk import Walk
from core.image.pixels import Images, level_values

_BISECTIONS = 10
_SCALES = (1.0, 1.1, 1.25, 1.5, 2.0, 3.0)
ROUNDING_PASSES = 2 + _BISECTIONS + len(_SCALES)
"""The forward passes that no image exceeds."""


def finish(walk: Walk) -> Attacked:
    """Round the best points to levels such that they still flip the prediction.

    A bisection finds how many pixels leave the nearest level (``GreedyRounding``). If the image does not flip with all
    of them, it is rounded away from the clean image, then a longer change, and what does not flip at all is left at its
    nearest levels.

    Args:
        walk: with its n images.

    Returns:
        The images, with the passes of the rounding; without levels, the best points as they are.
    """
    images, levels = walk.images(walk.best), walk.examples.levels
    result = Attacked.start(images)
    if levels is None:
        return result
    values = level_values(levels, walk.examples.bounds)
    rounding = GreedyRounding(walk.form, walk.clean, walk.best, walk.gradient(walk.best)[1], levels)
    result.forward_passes[:], result.backward_passes[:] = 1, 1

    def try_levels(rows: NDArray[np.intp], at: Planes) -> NDArray[np.bool_]:
        """Whether the images at ``rows`` flip on these levels, which they take if so."""
        tried: Images = np.ascontiguousarray(values[np.moveaxis(at, 1, 3).astype(np.intp)])
        flips = walk.flips(tried, rows)
        result.images[rows[flips]] = tried[flips]
        result.forward_passes[rows] += 1
        return flips

    everything = np.arange(len(images))
    nearest = rounding.levels(np.zeros(len(images), np.int64), everything)
    result.images[:] = values[np.moveaxis(nearest, 1, 3).astype(np.intp)]
    rows = np.flatnonzero(walk.found)
    most, least = rounding.candidates.copy(), np.full(len(images), -1)
    flips = try_levels(rows, rounding.levels(most[rows], rows))
    _bisect(rounding, try_levels, rows[flips], least, most)
    rows = rows[~flips]
    for scale in _SCALES:
        rows = rows[~try_levels(rows, outwards(walk.clean[rows], walk.best[rows], levels, scale))]
    return result


def _bisect(
    rounding: GreedyRounding,
    try_levels: Callable[[NDArray[np.intp], Planes], NDArray[np.bool_]],
    rows: NDArray[np.intp],
    least: NDArray[np.int64],
    most: NDArray[np.int64],
) -> None:
    """Halve the range of the numbers of pixels: more than ``least``, at most ``most``, which flips."""
    for _ in range(_BISECTIONS):
        rows = rows[most[rows] - least[rows] > 1]
        middle = (most[rows] + least[rows]) // 2
        flips = try_levels(rows, rounding.levels(middle, rows))
        most[rows[flips]] = middle[flips]
        least[rows[~flips]] = middle[~flips]
