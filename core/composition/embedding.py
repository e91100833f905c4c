"""Vectors whose inner product is never less than the SSIM of their images.

SSIM is a positive definite kernel: in each window it is a product of 2 m m' + C1, of 2 cov + C2 and of two
factors 1 / (a + b) = integral of exp(-t a) exp(-t b) dt, all of which are. So is its sum over the windows of a part
of the picture: it is the inner product of vectors in some space. Of each vector we know the coordinates in the
subspace spanned by some images, the landmarks (Williams and Seeger 2000, the Nystroem method), and how long the
rest is; by Cauchy and Schwarz the inner product of two rests is at most the product of their lengths.
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

from core.composition.blas import one_blas_thread
from core.composition.candidates import Candidates
from core.composition.landmarks import Landmarks
from core.composition.regions import shares_of
from core.image.pixels import Bounds, Images

_NAMES = ("landmarks", "projection", "sizes", "vectors")
_AT_A_TIME = 1024
_LANDMARKS, _COORDINATES = 512, 1536  # at most
_LEAST = 1e-4  # the smallest eigenvalue that is used, where the part is the whole picture
_ROUNDING = 1e-6  # of the squared length, in double precision


@dataclass(frozen=True)
class Embedding:
    """The vectors of candidates, and how to get those of other images. The arrays may be memory maps.

    landmarks: (m, H, W, C) float32; projection: (m, d) float64, from what a part adds to the SSIM with each of them to
    coordinates, those of the first part first; sizes: (P,), how many coordinates each part has.
    vectors: (N, d + P) float32, the coordinates, and the length of each part's rest.
    """

    landmarks: Images
    projection: NDArray[np.float64]
    sizes: NDArray[np.int64]
    vectors: NDArray[np.float32]
    bounds: Bounds

    @classmethod
    @one_blas_thread()
    def of(cls, candidates: Candidates, landmarks: int | None = None) -> Embedding:
        """The embedding by so many landmarks, spread evenly over the candidates.

        Of few candidates, a sixteenth are landmarks: an image is compared with each of them too.
        Cost: as many comparisons as there are pairs of a candidate and a landmark, some 3 us each of 28x28 pixels.
        """
        count = len(candidates.images)
        wanted = min(_LANDMARKS, max(1, count // 16)) if landmarks is None else min(landmarks, count)
        chosen = candidates.floats(np.linspace(0, count - 1, wanted).astype(np.intp))
        kernel = Landmarks(chosen, candidates.bounds).kernel(chosen).swapaxes(0, 1)
        values, directions = np.linalg.eigh((kernel + kernel.swapaxes(1, 2)) / 2)
        shares = shares_of(chosen.shape[1:]).sum(axis=1, keepdims=True)
        useful = values > _LEAST * shares
        kept = useful & (values >= np.sort(values[useful])[-_COORDINATES:][0])
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
        """The embedding whose ``arrays`` these are."""
        landmarks, projection, sizes, vectors = (np.asarray(arrays[name]) for name in _NAMES)
        return cls(landmarks, projection, sizes, vectors, bounds)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All there is of it but the bounds, to be stored by name."""
        return {name: getattr(self, name) for name in _NAMES}

    @property
    def rounding(self) -> float:
        """By no more than this, the inner product in single precision can be less than the SSIM."""
        return float((self.vectors.shape[1] + 8) * 2.0**-24 + _ROUNDING)

    def embed(self, images: Images) -> NDArray[np.float32]:
        """The vectors (n, d + P) of images (n, H, W, C)."""
        kernel = self._landmarks.kernel(images).swapaxes(0, 1)
        projections = np.split(self.projection, np.cumsum(self.sizes)[:-1], axis=1)
        parts = [part @ projection for part, projection in zip(kernel, projections, strict=True)]
        known = np.stack([np.square(part).sum(axis=1) for part in parts], axis=1)
        shares = shares_of(images.shape[1:]).sum(axis=1)
        rests = np.sqrt(np.maximum(shares - known, 0) + _ROUNDING * shares)
        return np.concatenate([*parts, rests], axis=1).astype(np.float32)

    @cached_property
    def rests(self) -> NDArray[np.float32]:
        """The lengths (N, P) of the rests, side by side in memory."""
        return np.ascontiguousarray(self.vectors[:, -len(self.sizes) :])

    @cached_property
    def _landmarks(self) -> Landmarks:
        return Landmarks(self.landmarks, self.bounds)
