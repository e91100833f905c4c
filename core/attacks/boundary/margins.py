"""How far logits are from predicting another class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FLOOR = 1e-12  # keeps 0 / 0 from becoming NaN where the largest logits are equal


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


def ranked_rivals(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The classes (n, classes - 1) besides the label (n,), those of the largest logits first.

    Example:
        >>> ranked_rivals(np.array([[3.0, 1, 2]], np.float32), np.array([0]))
        array([[2, 1]])
    """
    return np.argsort(-others(logits, labels), axis=1, kind="stable")[:, :-1]


def margins_towards(
    logits: NDArray[np.float32], labels: NDArray[np.int64], targets: NDArray[np.int64]
) -> NDArray[np.float32]:
    """z[t] - z[y] (n,) for labels y (n,) and targets t (n,): positive where the target is above the label."""
    rows = np.arange(len(labels))
    return np.asarray(logits[rows, targets] - logits[rows, labels])


def dlr_scale(logits: NDArray[np.float32], *, towards: bool) -> NDArray[np.float64]:
    """What the margin is divided by in the difference-of-logits-ratio loss (n,), see Classifier.

    Args:
        logits: (n, classes), at least 3 classes, or 4 for the loss towards a class.
        towards: whether it is of the loss towards a class.

    Example:
        >>> z = np.array([[0.0, 5, 3, 1]], np.float32)
        >>> dlr_scale(z, towards=False), dlr_scale(z, towards=True)
        (array([4.]), array([4.5]))
    """
    largest = np.sort(logits.astype(np.float64), axis=1)[:, ::-1]
    lower = (largest[:, 2] + largest[:, 3]) / 2 if towards else largest[:, 2]
    return np.asarray(np.maximum(largest[:, 0] - lower, _FLOOR))
