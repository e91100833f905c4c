"""The levels that pixels may have, 256 of them for 8-bit images."""

from __future__ import annotations

import numpy as np

from core.attacks.base import Examples
from core.image.pixels import Images, level_values


class PixelGrid:
    """Moves images into the bounds, and onto the levels of the clean images if they have any.

    Args:
        examples: whose bounds and levels hold.
        rounds: whether images are rounded to the levels.
    """

    def __init__(self, examples: Examples, *, rounds: bool) -> None:
        self._bounds = np.asarray(examples.bounds, np.float32)
        self._levels = examples.levels if rounds else None
        if self._levels:
            self._values = level_values(self._levels, examples.bounds)

    def __call__(self, images: Images) -> Images:
        """The nearest images (n, H, W, C) within the bounds and on the levels; a new array."""
        low, high = self._bounds
        inside = np.clip(images, low, high)
        if not self._levels:
            return inside
        level = np.rint((inside - low) / (high - low) * np.float32(self._levels))
        found: Images = self._values[level.astype(np.int64)]
        return found
