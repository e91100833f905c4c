"""Vectors whose inner product is an upper bound on the SSIM of their images.

In each window, SSIM is the product of 2 m m' + C1, 2 cov + C2 and two factors 1 / (a + b), where 1 / (a + b) is
the integral of exp(-t a) exp(-t b) dt. Each factor is a positive definite kernel, and so is their product. Its sum
over the windows of a region is thus the inner product of two feature vectors. For each feature vector we compute the
coordinates in the subspace spanned by a few images, the landmarks (the Nystroem method, Williams and Seeger 2000),
and the norm of the residual. By the Cauchy-Schwarz inequality, the inner product of two residuals is at most the
product of their norms.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.composition.candidates import Candidates
from core.composition.landmarks import Landmarks
from core.composition.regions import region_weights
from core.image.pixels import Bounds, Images
from core.runtime.blas import one_blas_thread

_NAMES = ("landmarks", "projection", "sizes", "vectors")
_AT_A_TIME = 1024
_LANDMARKS, COORDINATES = 512, 1536  # at most
_LEAST = 1e-4  # the smallest eigenvalue that is used, times the region's share of the windows
_ROUNDING = 1e-6  # bound on the rounding error of the squared norm, in double precision


@dataclass(frozen=True)
class Embedding:
    """The vectors of N candidates, and the projection that embeds other images. The arrays may be memory maps.

    landmarks: (m, H, W, C) float32.
    projection: (m, d) float64, maps a region's contribution to the SSIM with each landmark to coordinates; its columns
    are grouped by region. sizes: (P,), the number of coordinates of each of the P regions.
    vectors: (N, d + P) float32, the coordinates, followed by the norm of each region's residual.
    """

    landmarks: Images
    projection: NDArray[np.float64]
    sizes: NDArray[np.int64]
    vectors: NDArray[np.float32]
    bounds: Bounds

    @classmethod
    @one_blas_thread()
    def of(cls, candidates: Candidates, landmarks: int | None = None) -> Embedding:
        """Embed the candidates; the landmarks are spread evenly over them.

        Cost: one comparison per pair of candidate and landmark, about 3 us each for 28x28 pixels.

        Args:
            candidates: the N images to embed.
            landmarks: their number; by default 512 or N / 16, whichever is less, because every query is compared with
                each landmark too.
        """
        count = len(candidates.images)
        wanted = min(_LANDMARKS, max(1, count // 16)) if landmarks is None else min(landmarks, count)
        chosen = candidates.floats(np.linspace(0, count - 1, wanted).astype(np.intp))
        kernel = Landmarks(chosen, candidates.bounds).kernel(chosen).swapaxes(0, 1)
        values, directions = np.linalg.eigh((kernel + kernel.swapaxes(1, 2)) / 2)
        shares = region_weights(chosen.shape[1:]).sum(axis=1, keepdims=True)
        useful = values > _LEAST * shares
        kept = useful & (values >= np.sort(values[useful])[-COORDINATES:][0])
        scaled = [
            part[:, each] / np.sqrt(value[each]) for part, value, each in zip(directions, values, kept, strict=True)
        ]
        projection, sizes = np.concatenate(scaled, axis=1), kept.sum(axis=1)
        empty = np.empty((count, projection.shape[1] + len(sizes)), np.float32)
        embedding = cls(chosen, projection, sizes, empty, candidates.bounds)

        def fill(start: int) -> None:
            some = np.arange(start, min(count, start + _AT_A_TIME))
            empty[some] = embedding.embed(candidates.floats(some))

        with ThreadPoolExecutor(os.cpu_count()) as threads:
            list(threads.map(fill, range(0, count, _AT_A_TIME)))
        return embedding

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], bounds: Bounds) -> Embedding:
        """Rebuild an embedding from what ``arrays`` returned."""
        landmarks, projection, sizes, vectors = (np.asarray(arrays[name]) for name in _NAMES)
        return cls(landmarks, projection, sizes, vectors, bounds)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All fields but the bounds, by name, for storage."""
        return {name: getattr(self, name) for name in _NAMES}

    @property
    def rounding(self) -> float:
        """The most by which the inner product, in single precision, can fall below the SSIM."""
        return float((self.vectors.shape[1] + 8) * 2.0**-24 + _ROUNDING)

    def embed(self, images: Images) -> NDArray[np.float32]:
        """Compute the vectors (n, d + P) of images (n, H, W, C)."""
        kernel = self._landmarks.kernel(images).swapaxes(0, 1)
        projections = np.split(self.projection, np.cumsum(self.sizes)[:-1], axis=1)
        parts = [part @ projection for part, projection in zip(kernel, projections, strict=True)]
        known = np.stack([np.square(part).sum(axis=1) for part in parts], axis=1)
        shares = region_weights(images.shape[1:]).sum(axis=1)
        residuals = np.sqrt(np.maximum(shares - known, 0) + _ROUNDING * shares)
        return np.concatenate([*parts, residuals], axis=1).astype(np.float32)

    @cached_property
    def residuals(self) -> NDArray[np.float32]:
        """The norms (N, P) of the residuals, as one contiguous array."""
        return np.ascontiguousarray(self.vectors[:, -len(self.sizes) :])

    @cached_property
    def _landmarks(self) -> Landmarks:
        return Landmarks(self.landmarks, self.bounds)
