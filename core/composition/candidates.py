"""The candidates: images that others can be composed with, and their precomputed window statistics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.composition.windows import window_statistics, windows_of
from core.image.pixels import Bounds, Images, to_float
from core.runtime.blas import one_blas_thread

_NAMES = ("images", "labels", "means", "variances")
_AT_A_TIME = 1024
Room = Callable[[str, tuple[int, int]], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Candidates:
    """N labelled images with the statistics of their L SSIM windows. The arrays may be memory maps.

    images: (N, H, W, C), uint8 or float32 within the bounds. labels: (N,).
    means, variances: (N, L) float32, per window, of pixels divided by the extent of the bounds.
    """

    images: NDArray[Any]
    labels: NDArray[np.int64]
    means: NDArray[np.float32]
    variances: NDArray[np.float32]
    bounds: Bounds

    @classmethod
    @one_blas_thread()
    def of(
        cls,
        images: NDArray[Any],
        labels: NDArray[np.int64],
        bounds: Bounds = (0.0, 1.0),
        room: Room = lambda _, shape: np.empty(shape, np.float32),
    ) -> Candidates:
        """Compute the statistics of labelled images, some of them at a time.

        Args:
            images: (N, H, W, C), uint8 or float32 within the bounds; it may be a memory map.
            labels: (N,).
            bounds: lowest and highest pixel value.
            room: gives an array for the means and one for the variances, by name and shape; in memory by default.

        Raises:
            DataError: a side is shorter than 11 pixels.
        """
        shape = len(images), windows_of(images.shape[1:]).count
        means, variances = room("means", shape), room("variances", shape)
        for start in range(0, len(images), _AT_A_TIME):
            rows = slice(start, start + _AT_A_TIME)
            means[rows], variances[rows] = window_statistics(to_float(images[rows], bounds), bounds)
        return cls(images, labels, means, variances, bounds)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], bounds: Bounds) -> Candidates:
        """Rebuild candidates from what ``arrays`` returned."""
        images, labels, means, variances = (np.asarray(arrays[name]) for name in _NAMES)
        return cls(images, labels, means, variances, bounds)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All fields but the bounds, by name, for storage."""
        return {name: getattr(self, name) for name in _NAMES}

    def floats(self, rows: NDArray[np.intp]) -> Images:
        """The images at ``rows``, float32 within the bounds."""
        return to_float(self.images[rows], self.bounds)
