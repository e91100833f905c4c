"""Between 8-bit pixels and the floats that a model takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]
"""Images (N, H, W, C) as a model takes them."""

Bounds = tuple[float, float]
"""The lowest and the highest value that a pixel can have."""


def to_float(images: NDArray[Any], bounds: Bounds) -> NDArray[np.float32]:
    """uint8 images spread over the bounds (0 -> low, 255 -> high); float images as they are.

    For the bounds 0..1 this is the division by 255, correctly rounded.
    """
    if images.dtype != np.uint8:
        return images.astype(np.float32, copy=False)
    low, high = bounds
    table = (low + np.arange(256) / 255 * (high - low)).astype(np.float32)
    scaled: NDArray[np.float32] = table[images]
    return scaled


def to_uint8(images: NDArray[np.float32], bounds: Bounds) -> NDArray[np.uint8]:
    """Float images within the bounds, rounded to the nearest of 256 levels."""
    return np.rint(_levels(images, bounds)).astype(np.uint8)


def on_grid(images: NDArray[np.float32], bounds: Bounds) -> NDArray[np.bool_]:
    """Which images (n, H, W, C) hold nothing but 8-bit levels, to 1e-3 of a level."""
    levels = _levels(images, bounds)
    near = np.abs(levels - np.rint(levels)) < 1e-3
    return np.asarray(near.all(axis=(1, 2, 3)))


def _levels(images: NDArray[np.float32], bounds: Bounds) -> NDArray[np.float64]:
    low, high = bounds
    return (images.astype(np.float64) - low) / (high - low) * 255
