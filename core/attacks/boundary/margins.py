"""How far logits are from predicting another class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def others(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """The logits (n, classes) with -inf in place of the logit of the label (n,)."""
    found = logits.copy()
    found[np.arange(len(labels)), labels] = -np.inf
    return found


def margins(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """max(z[j], j != y) - z[y] (n,) for labels y (n,): positive where another class is predicted."""
    own = logits[np.arange(len(labels)), labels]
    return np.asarray(others(logits, labels).max(axis=1) - own, np.float32)


def log_odds(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """log(p / (1 - p)) (n,), with p the softmax probability of the label (n,).

    Unlike p, it does not saturate.
    """
    own = np.arange(logits.shape[1]) == labels[:, None]
    exact = logits.astype(np.float64)
    return np.asarray(exact[own] - np.logaddexp.reduce(exact, axis=1, where=~own, initial=-np.inf))
