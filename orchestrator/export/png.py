"""8-bit images as PNG, each decoded again to check it."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.errors import ConfigError, IntegrityError

_CHANNELS = (1, 3, 4)


def check_channels(image_shape: tuple[int, int, int]) -> None:
    """Refuse images (H, W, C) that PNG has no form for: it has grey, RGB and RGBA.

    Raises:
        ConfigError: there are 2, or more than 4 channels.
    """
    if image_shape[-1] not in _CHANNELS:
        raise ConfigError(
            "images with 1, 3 or 4 channels, the ones that PNG has",
            f"{image_shape[-1]} channels",
            "use --format source, which writes any images as arrays",
        )


def encode(image: NDArray[np.uint8]) -> bytes:
    """The PNG file of an image (H, W, C): grey, RGB or RGBA.

    Example:
        >>> pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
        >>> bool((decode(encode(pixels)) == pixels).all())
        True
    """
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, "png")
    return file.getvalue()


def decode(content: bytes) -> NDArray[np.uint8]:
    """The image (H, W, C) of a PNG file."""
    with Image.open(io.BytesIO(content), formats=["png"]) as image:
        pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def check(content: bytes, image: NDArray[np.uint8], name: str) -> None:
    """Raise IntegrityError unless the PNG file ``name`` with this content holds exactly this image (H, W, C)."""
    if not np.array_equal(decode(content), image):
        raise IntegrityError(f"{name}: other pixels in the PNG file than were written")
