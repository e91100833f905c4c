"""Sums that do not depend on the order of the values, nor on how they were divided."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


class ExactSum:
    """The exact sum of any number of values, kept as a few floats: its mean is ``math.fsum`` over their number."""

    def __init__(self) -> None:
        self.count = 0
        self._undefined = False
        self._parts: list[float] = []

    def add(self, values: NDArray[np.float64]) -> None:
        """Add values (n,)."""
        self.count += len(values)
        if np.isnan(values).any():
            self._undefined = True
        if not self._undefined:
            self._parts = _expansion([*self._parts, *values.tolist()])

    def mean(self) -> float | None:
        """The mean: the correctly rounded sum, divided by the count. None if there are no values, or one is NaN."""
        return None if self._undefined or not self.count else math.fsum(self._parts) / self.count


def _expansion(values: list[float]) -> list[float]:
    """A few floats with the same exact sum: the rounded sum, the rounded rest, and so on until nothing is left."""
    parts: list[float] = []
    while rest := math.fsum(values):
        parts.append(rest)
        if not math.isfinite(rest):
            break
        values.append(-rest)
    return parts
