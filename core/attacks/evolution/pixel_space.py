"""Images that differ from a clean one in a few pixels, as whole numbers for differential evolution.

A candidate is an int32 array (N, 2 + C): for each of its N pixels the row, the column, and the level of each
channel, from 0, the lowest value, to ``levels``, the highest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.image.pixels import Bounds, Images, level_values

Candidates = NDArray[np.int32]
"""Candidates (n, N, 2 + C)."""

MEAN, DEVIATION = 128 / 255, 127 / 255  # of the first values, as a share of the range (Su et al., section 3.3)


@dataclass(frozen=True)
class FewPixels:
    """Candidates of N = ``pixels`` pixels for images of ``shape`` (H, W, C)."""

    pixels: int
    shape: tuple[int, ...]
    bounds: Bounds
    levels: int

    @cached_property
    def last(self) -> NDArray[np.int32]:
        """The largest valid row, column, and level of each channel (2 + C,)."""
        height, width, channels = self.shape
        return np.array([height - 1, width - 1, *[self.levels] * channels], np.int32)

    @cached_property
    def values(self) -> NDArray[np.float32]:
        """The pixel value of each level (levels + 1,), as 8-bit pixels are read."""
        return level_values(self.levels, self.bounds)

    def confined(self, numbers: NDArray[np.float64]) -> Candidates:
        """The valid candidates nearest to ``numbers`` (n, N, 2 + C)."""
        return np.clip(np.rint(numbers), 0, self.last).astype(np.int32)

    def drawn(self, rng: np.random.Generator, count: int) -> Candidates:
        """Draw ``count`` candidates, with uniform positions and Gaussian values."""
        height, width, channels = self.shape
        places = rng.integers((height, width), size=(count, self.pixels, 2))
        values = rng.normal(MEAN, DEVIATION, (count, self.pixels, channels)) * self.levels
        return self.confined(np.concatenate([places, values], axis=2))

    def seeded(self, image: Images, gradient: Images, count: int) -> Candidates:
        """Candidates that promise the largest first-order gain of the loss.

        Each channel is set to the end of its range that the gradient points to. A candidate consists of the N - 1
        pixels with the largest gain and one of the following pixels, the best first.

        Args:
            image: (H, W, C).
            gradient: (H, W, C), of the loss that increases.
            count: number of candidates.
        """
        low, high = (np.float32(bound) for bound in self.bounds)
        upwards = gradient > 0
        gain = (gradient * (np.where(upwards, high, low) - image)).sum(axis=2)
        # resize: from the start again where there are more candidates than pixels.
        order = np.resize(np.argsort(-gain, axis=None, kind="stable"), count + self.pixels - 1)
        best = np.tile(order[: self.pixels - 1], (count, 1))
        chosen = np.concatenate([best, order[self.pixels - 1 :, None]], axis=1)
        rows, columns = np.divmod(chosen, self.shape[1])
        levels = np.where(upwards[rows, columns], self.levels, 0)
        return np.concatenate([rows[..., None], columns[..., None], levels], axis=2).astype(np.int32)

    def painted(self, image: Images, candidates: Candidates) -> Images:
        """The image with the pixels of each candidate.

        Args:
            image: (H, W, C).
            candidates: (n, N, 2 + C); of two pixels at the same position, the later one counts.

        Returns:
            (n, H, W, C).
        """
        images = np.repeat(image[None], len(candidates), axis=0)
        rows = np.arange(len(candidates))
        for row, column, *levels in candidates.transpose(1, 2, 0):
            images[rows, row, column] = self.values[np.stack(levels, axis=1)]
        return images
