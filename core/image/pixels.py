"""Converts between 8-bit pixels and the floats that a model takes."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]
"""Images (N, H, W, C), float32 within the bounds."""

Bounds = tuple[float, float]
"""The lowest and the highest value of a pixel."""

Preprocess = Literal["none", "tf", "torch", "caffe"]
"""The modes of Keras's ``preprocess_input``."""


def to_float(images: NDArray[Any], bounds: Bounds) -> NDArray[np.float32]:
    """Scale uint8 images linearly to the bounds (0 -> low, 255 -> high); float images are only cast to float32.

    For the bounds 0..1 this is division by 255, correctly rounded.

    Example:
        >>> to_float(np.array([0, 51, 255], np.uint8), (-1.0, 1.0)).tolist()
        [-1.0, -0.6000000238418579, 1.0]
    """
    if images.dtype != np.uint8:
        return images.astype(np.float32, copy=False)
    scaled: NDArray[np.float32] = level_values(255, bounds)[images]
    return scaled


def level_values(levels: int, bounds: Bounds) -> NDArray[np.float32]:
    """The pixel values (levels + 1,) from the lowest to the highest, in ``levels`` equal steps.

    Example:
        >>> level_values(4, (-1.0, 1.0)).tolist()
        [-1.0, -0.5, 0.0, 0.5, 1.0]
    """
    low, high = bounds
    return (low + np.arange(levels + 1) / levels * (high - low)).astype(np.float32)


def to_uint8(images: NDArray[np.float32], bounds: Bounds) -> NDArray[np.uint8]:
    """Round float images within the bounds to the nearest of 256 levels.

    Example:
        >>> to_uint8(np.array([0.0, 0.499, 0.501, 1.0], np.float32) / 255, (0.0, 1.0)).tolist()
        [0, 0, 1, 1]
    """
    return np.rint(_levels(images, bounds)).astype(np.uint8)


def on_grid(images: NDArray[np.float32], bounds: Bounds) -> NDArray[np.bool_]:
    """Tell which images (n, H, W, C) have only pixels within 1e-3 of an 8-bit level; (n,) bool."""
    levels = _levels(images, bounds)
    near = np.abs(levels - np.rint(levels)) < 1e-3
    return np.asarray(near.all(axis=(1, 2, 3)))


def _levels(images: NDArray[np.float32], bounds: Bounds) -> NDArray[np.float64]:
    low, high = bounds
    return (images.astype(np.float64) - low) / (high - low) * 255
