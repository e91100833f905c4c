"""The segments from clean images to changed ones, divided into equal steps.

The smallest change that flips a prediction is so close to the boundary that rounding to 8 bits undoes it. If the
images were 8-bit, each change along the way is therefore rounded to whole levels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.attacks.base import Examples
from core.image.pixels import Images

Places = NDArray[np.int64]
_NEARLY = np.float32(1e-3)  # a little less than a whole number of levels is that number: the change was rounded itself


class Segment:
    """The segment from each clean image (n, H, W, C), place 0, to its changed image, place ``steps``."""

    def __init__(self, examples: Examples, far: Images, steps: int) -> None:
        self.steps, self._clean, self._far = steps, examples.images, far
        self._level = np.float32(1)
        self._whole = examples.levels is not None
        if examples.levels:
            self._level = np.float32((examples.bounds[1] - examples.bounds[0]) / examples.levels)
        self._change = (far - self._clean) / self._level

    def images(self, rows: NDArray[np.intp], places: Places) -> Images:
        """The images at the given places (n,), 0 to ``steps``, of the segments at ``rows`` (n,)."""
        change = self._share(places) * self._change[rows]
        if self._whole:
            change = np.trunc(change + np.copysign(_NEARLY, change))
        clean, far = self._clean[rows], self._far[rows]
        # Rounding must not lead out of the box between the two, which lies within ball and bounds.
        return np.clip(clean + change * self._level, np.minimum(clean, far), np.maximum(clean, far))

    def widen(self, ends: Places, end: int, rows: NDArray[np.intp]) -> None:
        """Move one end of each range of places towards the other, past places whose images are the same in levels.

        Args:
            ends: (2, n), changed in place.
            end: which end to move, 0 or 1.
            rows: (n,), the segments.
        """
        if not self._whole or not len(rows):
            return
        change = np.abs(self._change[rows])
        levels = np.floor(self._share(ends[end, rows]) * change + _NEARLY)
        # The shares of the way at which each pixel gets its level, or the next one.
        with np.errstate(divide="ignore"):
            shares = (levels + np.float32(1 - end) - _NEARLY) / change
        first, pixels = ends[0, rows] + 1, (1, 2, 3)
        if end == 1:
            places = np.maximum(np.ceil(shares.max(axis=pixels) * self.steps), first)
        else:
            places = np.minimum(np.ceil(shares.min(axis=pixels) * self.steps), ends[1, rows]) - 1
        ends[end, rows] = places

    def _share(self, places: Places) -> Images:
        return (places / self.steps).astype(np.float32)[:, None, None, None]
