"""Chooses the images of a set that are attacked: all, the first ones, or a sample of each class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STREAM = 0x5A3B1E  # keeps these random numbers apart from those of the attacks


def chosen_rows(
    count: int, labels: NDArray[np.int64] | None, limit: int | None, sample: int | None, seed: int
) -> NDArray[np.int64]:
    """The rows (n,) of a set, ascending.

    Args:
        count: number of images in the set.
        labels: (count,) class numbers, or None.
        limit: take the first images alone.
        sample: draw this many images, of each class in proportion to its size; without labels, of all alike.
        seed: of the draw.

    Example:
        >>> labels = np.repeat([0, 1], [60, 30])
        >>> np.bincount(labels[chosen_rows(90, labels, None, 9, seed=0)]).tolist()
        [6, 3]
    """
    if limit is not None:
        return np.arange(min(limit, count))
    if sample is None or sample >= count:
        return np.arange(count)
    random = np.random.default_rng([seed, _STREAM])
    if labels is None:
        return np.asarray(np.sort(random.choice(count, sample, replace=False)), np.int64)
    classes, sizes = np.unique(labels, return_counts=True)
    rows = [
        np.asarray(random.choice(np.flatnonzero(labels == each), share, replace=False), np.int64)
        for each, share in zip(classes, _shares(sizes, sample), strict=True)
    ]
    return np.asarray(np.sort(np.concatenate(rows)), np.int64)


def _shares(sizes: NDArray[np.int64], sample: int) -> NDArray[np.int64]:
    """Parts of ``sample`` in proportion to the sizes, by the largest remainders; the smaller class first in a tie."""
    exact = sizes * sample / sizes.sum()
    shares: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    order = np.lexsort((sizes, -(exact - shares)))
    shares[order[: sample - int(shares.sum())]] += 1
    return shares
