"""Decodes one encoded image (PNG, JPEG, BMP, GIF or WebP) to an array, with Pillow."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from core.errors import DataError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
RESAMPLER = "pillow bilinear antialiased"
MAX_PIXELS = 1 << 26  # of one image: 8192 x 8192
MAX_BYTES = 256 << 20  # of one encoded image

TRANSPARENT = "transparent images were composited on white"
TURNED = "images were turned as their EXIF orientation says"
ANIMATED = "animated images were read as their first frame"
DEEP_COLOUR = "images with 16 bits per channel were read at 8 bits, which is what Pillow decodes of them"
CMYK = "CMYK images were converted to RGB without a colour profile"

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")  # no parser of a rarer format sees a stranger's file
_ORIENTATION = 0x0112  # tag of EXIF
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# MAX_PIXELS is below Pillow's limit; its warning would come before our error.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True)
class Header:
    """What a file says about its image: height and width as shown, whether in colour, whether grey of 16 bits."""

    size: tuple[int, int]
    colour: bool
    deep: bool


@dataclass(frozen=True)
class Picture:
    """A decoded image.

    Attributes:
        pixels: (H, W) uint8 or uint16, or (H, W, 3) uint8.
        remarks: the readings that were taken, such as ``TRANSPARENT``.
    """

    pixels: NDArray[Any]
    remarks: tuple[str, ...] = ()


def read_header(name: str, file: IO[bytes]) -> Header:
    """Read what an image file says about itself, without decoding it.

    Args:
        name: for messages.
        file: the encoded image, at its start.

    Raises:
        DataError: it isn't an image of these formats, or it is too large.
    """
    with _opened(name, file) as image:
        height, width = image.height, image.width
        # Without "exif" among a PNG file's first chunks, Pillow would decode the pixels to find later ones.
        turned = (image.format != "PNG" or "exif" in image.info) and _orientation(image) >= 5
        deep = image.mode.startswith("I")
        return Header((width, height) if turned else (height, width), not deep and not _is_grey(image), deep)


def decode(name: str, content: bytes, size: tuple[int, int] | None = None) -> Picture:
    """Decode an image.

    Grey stays grey, also with 16 bits; everything else becomes RGB. Transparent pixels are composited on white, the
    orientation that EXIF states is applied, and of an animation the first frame is taken.

    Args:
        name: for messages.
        content: the encoded image.
        size: (height, width) to resize to, bilinearly with antialiasing; None keeps the size.

    Raises:
        DataError: it isn't a whole image of these formats, or it is too large.
    """
    if len(content) > MAX_BYTES:
        raise DataError(f"{name}: an image file of at most {MAX_BYTES:,} bytes", "a larger one", _ADVICE)
    remarks = []
    with _opened(name, io.BytesIO(content)) as image:
        image.load()
        plain, transparent = _plain(image)
        if transparent:
            remarks.append(TRANSPARENT)
        if image.mode == "CMYK":
            remarks.append(CMYK)
        if image.format == "PNG" and content[24] == 16 and not plain.mode.startswith("I"):
            remarks.append(DEEP_COLOUR)
        turn = _TURNS.get(_orientation(image))
        if turn is not None:
            plain = plain.transpose(turn)
            remarks.append(TURNED)
        # A phone's JPEG file may hold a second picture, but that is no animation.
        if image.format != "MPO" and getattr(image, "is_animated", False):
            remarks.append(ANIMATED)
        return Picture(_pixels(plain, size), tuple(remarks))


_ADVICE = "replace or remove the file, or leave such files out with --skip-broken"


@contextmanager
def _opened(name: str, file: IO[bytes]) -> Iterator[Image.Image]:
    expected = f"{name}: an image that can be decoded"
    try:
        with Image.open(file, formats=_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            yield image
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        raise DataError(f"{name}: an image of at most {MAX_PIXELS:,} pixels", "a larger one", _ADVICE) from None
    except UnidentifiedImageError:
        raise DataError(expected, _start(file), _ADVICE) from None
    except Exception as error:  # noqa: BLE001 - Pillow's parsers raise various exceptions for damaged files
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise DataError(expected, reason, _ADVICE) from None


def _start(file: IO[bytes]) -> str:
    file.seek(0)
    start = file.read(12)
    return f"a file that starts with {start!r}" if start else "an empty file"


def _orientation(image: Image.Image) -> int:
    """1 (upright) to 8; 1 if the file doesn't say or its EXIF data are damaged."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - as above; the pixels may be fine
        return 1


def _is_grey(image: Image.Image) -> bool:
    if image.mode in ("P", "PA"):
        palette = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
        return bool((palette == palette[:, :1]).all())
    return image.mode in ("1", "L", "LA")


def _plain(image: Image.Image) -> tuple[Image.Image, bool]:
    """The image as L, I;16 or RGB, and whether any of it was transparent."""
    if image.mode.startswith("I"):
        return image, False
    mode = "L" if _is_grey(image) else "RGB"
    if not (image.has_transparency_data or image.mode == "PA"):
        return image.convert(mode), False
    layered = image.convert("RGBA")
    alpha = layered.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return layered.convert(mode), False
    white = Image.new(mode, image.size, "white")
    white.paste(layered.convert(mode), mask=alpha)
    return white, True


def _pixels(image: Image.Image, size: tuple[int, int] | None) -> NDArray[Any]:
    deep = image.mode.startswith("I")
    if size is not None and (image.height, image.width) != size:
        # Bilinear on 16 bits is defined for mode F alone.
        image = (image.convert("F") if deep else image).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    pixels = np.asarray(image)
    return np.rint(pixels).clip(0, 65535).astype(np.uint16) if deep else pixels
