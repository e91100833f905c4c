"""One form, grey or RGB and 8 or 16 bits, for all images of a set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.datasets.files.decode import Header, Picture

TO_RGB = "grey images in a set with colour were read as RGB"
TO_GREY = "colour images in a set of grey ones were converted to grey by ITU-R 601"
TO_16 = "8-bit images in a set with 16 bits were read as 16 bits"
TO_8 = "16-bit images in a set of 8 bits were rounded to 8 bits"


@dataclass(frozen=True)
class PixelForm:
    """The form of a set's images.

    Attributes:
        colour: (H, W, 3) instead of (H, W).
        deep: uint16 instead of uint8.
    """

    colour: bool
    deep: bool

    @classmethod
    def holding(cls, headers: Iterable[Header]) -> PixelForm:
        """The form that holds each of these images without loss."""
        seen = list(headers)
        return cls(any(each.colour for each in seen), any(each.deep for each in seen))

    @classmethod
    def of(cls, pixels: NDArray[Any]) -> PixelForm:
        """The form of a decoded image."""
        return cls(pixels.ndim == 3, pixels.dtype == np.uint16)

    def fit(self, picture: Picture) -> Picture:
        """Bring a decoded image to this form."""
        pixels, remarks = picture.pixels, list(picture.remarks)
        own = PixelForm.of(pixels)
        if own == self:
            return picture
        if own.colour and not self.colour:  # 16 bits are always grey
            pixels = np.asarray(Image.fromarray(pixels).convert("L"))
            remarks.append(TO_GREY)
        if own.deep and not self.deep:
            pixels = np.rint(pixels / 257).astype(np.uint8)
            remarks.append(TO_8)
        if self.deep and not own.deep:
            pixels = pixels * np.uint16(257)  # 255 becomes 65535
            remarks.append(TO_16)
        if self.colour and not own.colour:
            pixels = np.repeat(pixels[..., None], 3, axis=2)
            remarks.append(TO_RGB)
        return Picture(pixels, tuple(remarks))
