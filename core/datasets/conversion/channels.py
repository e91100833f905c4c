"""Brings arrays of images to the shape (n, H, W, C) and to the number of channels that a model takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError

_CHANNELS = frozenset({1, 2, 3, 4})
_WHITE = 255
_TALL = 16  # pixels; a grey image so high is not three or four pixels wide
# ITU-R BT.601 luma, 0.299 R + 0.587 G + 0.114 B, as parts of 2^16.
_LUMA = (19595, 38470, 7471)


def channels_last(name: str, images: NDArray[Any]) -> tuple[NDArray[Any], str | None]:
    """Images as (n, H, W, C).

    Args:
        name: the set's name, for error messages.
        images: (n, H, W), (n, H, W, C), or (n, C, H, W) with one or three channels.

    Returns:
        The images, and a sentence on what was changed, if anything.

    Raises:
        DataError: they have another shape.
    """
    shape = images.shape
    if images.ndim == 3:
        if shape[2] in {3, 4} and shape[1] >= _TALL:
            raise DataError(
                f"{name}: images of shape (N, H, W, C), or grey ones of shape (N, H, W)",
                f"shape {shape}, which could be one image with {shape[2]} channels or {shape[0]} grey images",
                "add the missing axis, images[None] or images[..., None]",
            )
        return images[..., None], f"the images of shape {shape[1:]} were read as grey ones"
    if images.ndim != 4:
        raise DataError(
            f"{name}: images of shape (N, H, W, C)",
            f"shape {shape}",
            "add the missing axes, e.g. images[..., None] for grey images",
        )
    if 0 in shape[1:]:
        raise DataError(f"{name}: images with pixels", f"shape {shape}", "check the file")
    if shape[3] not in _CHANNELS and shape[1] in {1, 3}:
        moved = np.moveaxis(images, 1, 3)
        return moved, f"the images of shape {shape[1:]} were read with their channels first"
    return images, None


def with_channels(name: str, images: NDArray[Any], channels: int) -> tuple[NDArray[Any], str | None]:
    """Images with another number of channels.

    Args:
        name: the set's name, for error messages.
        images: (n, H, W, C).
        channels: the number that the model takes.

    Returns:
        The images, and a sentence on what was changed, if anything.

    Raises:
        DataError: there is no usual conversion.
    """
    found = images.shape[3]
    if found == channels:
        return images, None
    said = ""
    if found in {2, 4} and channels in {1, 3}:
        images = _on_white(name, images)
        said = "the alpha channel was dropped on white"
        found -= 1
    if found == channels:
        return images, said
    if (found, channels) == (1, 3):
        return np.repeat(images, 3, axis=3), _joined(said, "the grey images were repeated in three channels")
    if (found, channels) == (3, 1):
        return _luma(images), _joined(said, "the RGB images were converted to grey (ITU-R BT.601 luma)")
    raise DataError(f"{name}: images with {channels} channels, as the model takes", f"{found}", "convert the images")


def _joined(first: str, second: str) -> str:
    return f"{first}, and {second}" if first else second


def _luma(images: NDArray[Any]) -> NDArray[Any]:
    if images.dtype == np.uint8:
        weighted = sum(images[..., i : i + 1].astype(np.uint32) * np.uint32(_LUMA[i]) for i in range(3))
        return np.asarray((weighted + 0x8000) >> 16, np.uint8)
    grey = sum(images[..., i : i + 1].astype(np.float64) * (_LUMA[i] / 2**16) for i in range(3))
    return np.asarray(np.rint(grey) if images.dtype.kind in "iu" else grey, images.dtype)


def _on_white(name: str, images: NDArray[Any]) -> NDArray[Any]:
    if images.dtype != np.uint8:
        raise DataError(f"{name}: an alpha channel in 8-bit images", f"type {images.dtype}", "drop it yourself")
    alpha = images[..., -1:].astype(np.uint32)
    mixed = images[..., :-1] * alpha + _WHITE * (_WHITE - alpha)
    return np.asarray((mixed + _WHITE // 2) // _WHITE, np.uint8)
