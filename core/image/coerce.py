"""Converts images of any common type and scale to (n, H, W, C) float32 in 0..1, for ``generate``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import DataError
from core.image.pixels import Images, to_float


def as_images(images: ArrayLike, shape: Sequence[int] | None = None) -> Images:
    """Convert images to (n, H, W, C) float32 in 0..1.

    Args:
        images: integers in 0..255, floats in 0..1, or floats in 0..255. Floats are read as 0..255 if any pixel of the
            whole array exceeds 1; a single dark image would not show its scale.
        shape: reshape the array to (n, H, W, C), or to images of shape (H, W, C).

    Raises:
        DataError: the type, shape or range can't be converted.
    """
    array = np.asarray(images)
    if array.dtype.kind not in "uif":
        raise DataError("images of an integer or float type", f"type {array.dtype}", "use astype('uint8') or 'float32'")
    array = _shaped(array, shape)
    if not len(array):
        return np.zeros(array.shape, np.float32)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DataError("finite pixels", "NaN or infinity", "repair or remove those images")
    low, high = array.min(), array.max()
    if low < 0 or high > 255:
        raise DataError("pixels in 0..1 or in 0..255", f"{low:g}..{high:g}", "scale the images")
    if array.dtype.kind != "f":
        return to_float(array.astype(np.uint8), (0.0, 1.0))
    return (array / 255 if high > 1 else array).astype(np.float32)


def _shaped(array: NDArray[Any], shape: Sequence[int] | None) -> NDArray[Any]:
    wanted = tuple(array.shape if shape is None else shape)
    if len(wanted) == 3 and shape is not None:
        wanted = (array.size // max(1, math.prod(wanted)), *wanted)
    if len(wanted) != 4 or min(wanted[1:], default=0) < 1:
        raise DataError(
            "images of shape (n, H, W, C)",
            f"shape {wanted}",
            "give shape=(n, H, W, C), or add the missing axes, e.g. images[..., None] for grey images",
        )
    if math.prod(wanted) != array.size:
        raise DataError(f"{math.prod(wanted)} pixels for shape {wanted}", f"{array.size}", "give a shape that fits")
    return array.reshape(wanted)
