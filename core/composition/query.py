"""SSIM of one image with many candidates, in single precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.composition.candidates import Candidates
from core.composition.ssim_terms import Terms
from core.composition.windows import windows_of
from core.image.pixels import Images

_AT_A_TIME = 128  # candidates, which fit into a processor's cache


class Query:
    """An image (H, W, C) to be compared with candidates in single precision.

    rounding: bound on the absolute error of each SSIM value.
    """

    def __init__(self, image: Images, candidates: Candidates) -> None:
        low, high = candidates.bounds
        is_8_bit = candidates.images.dtype == np.uint8
        # 8-bit pixels are counted from the lower bound; float pixels hold their own values.
        self._terms = Terms(image, candidates.bounds, low / (high - low) if is_8_bit else 0.0, np.float32)
        self._factors = (self._terms.twice / (255 if is_8_bit else high - low)).astype(np.float32)
        windows = windows_of(image.shape)
        self._down, self._across = windows.down.astype(np.float32), windows.across.astype(np.float32)
        self._candidates, self.rounding = candidates, self._terms.rounding

    def ssim(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Compute the SSIM (n,) with the candidates at ``rows`` (n,)."""
        found = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), _AT_A_TIME):
            part = rows[start : start + _AT_A_TIME]
            found[start : start + len(part)] = self._some(part)
        return found

    def _some(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        of, count, height = self._candidates, len(rows), len(self._factors)
        products = np.multiply(of.images.take(rows, axis=0), self._factors, dtype=np.float32)
        along_rows = products.reshape(count * height, -1) @ self._across
        sums = np.matmul(self._down, along_rows.reshape(count, height, -1)).reshape(count, -1)
        values = self._terms.values(sums, of.means.take(rows, axis=0), of.variances.take(rows, axis=0))
        return np.asarray(values.mean(axis=1), np.float32)
