"""Norms of changes. Each row by itself, whatever the number of rows."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.image.pixels import Images

LengthName = Literal["l0", "l2", "linf"]
Lengths = NDArray[np.float64]

_ORDERS: dict[LengthName, float] = {"l0": 0, "l2": 2, "linf": np.inf}
_FLOOR = 1e-12  # keeps 0 / 0 from becoming NaN


def length(change: Images, norm: LengthName) -> Lengths:
    """The norm (n,) of changes (n, H, W, C), in float64; l0 counts values, a pixel with three channels as three.

    Example:
        >>> change = np.array([3, 0, -4, 0], np.float32).reshape(1, 2, 2, 1)
        >>> [length(change, norm).item() for norm in ("l0", "l2", "linf")]
        [2.0, 5.0, 4.0]
    """
    rows = change.reshape(len(change), -1).astype(np.float64)
    found: Lengths = np.linalg.norm(rows, ord=_ORDERS[norm], axis=1)
    return found


def per_image(values: Lengths) -> Images:
    """Values (n,) in the shape (n, 1, 1, 1) and the type of images."""
    return values.astype(np.float32)[:, None, None, None]


def unit_l2(gradient: Images) -> Images:
    """gradient / ||gradient||_2; zero where the gradient is zero."""
    return gradient / per_image(np.maximum(length(gradient, "l2"), _FLOOR))
