"""SHA-256 digests of single images by content, and of a whole float32 array.

An image has the same digest as uint8 and as float: floats that all lie on 8-bit levels (within 1e-3 of a
level) are hashed as those levels.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.image.pixels import Bounds, Images, on_grid, to_uint8


def digests(images: NDArray[Any], bounds: Bounds = (0.0, 1.0)) -> list[bytes]:
    """Compute the SHA-256 (32 bytes) of each image's type, shape and pixels.

    Args:
        images: (n, H, W, C), uint8 or float within the bounds.
        bounds: the lowest and the highest value of float pixels.

    Example:
        >>> levels = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
        >>> digests(levels) == digests(np.float32(levels / 255)) == digests(levels.astype(np.float32), (0.0, 255.0))
        True
    """
    shape = "x".join(map(str, images.shape[1:]))
    if images.dtype == np.uint8:
        return [_digest(f"uint8:{shape}:", image) for image in images]
    floats = images.astype("<f4", copy=False)
    whole, levels = on_grid(floats, bounds), to_uint8(floats, bounds)
    return [
        _digest(f"uint8:{shape}:", levels[i]) if whole[i] else _digest(f"float32:{shape}:", floats[i])
        for i in range(len(images))
    ]


def _digest(kind: str, image: NDArray[Any]) -> bytes:
    return hashlib.sha256(kind.encode() + image.tobytes()).digest()


def images_digest(images: Images) -> str:
    """Compute the SHA-256 (hexadecimal) of the array's bytes: C order, little-endian float32, without a header."""
    return hashlib.sha256(np.ascontiguousarray(images, "<f4").data).hexdigest()
