"""How far logits are from another prediction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def others(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """The logits (n, classes) with -inf at the labels (n,)."""
    found = logits.copy()
    found[np.arange(len(labels)), labels] = -np.inf
    return found


def margins(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """max(z[j], j != y) - z[y] (n,): positive where another class than the label is predicted."""
    own = logits[np.arange(len(labels)), labels]
    return np.asarray(others(logits, labels).max(axis=1) - own, np.float32)
