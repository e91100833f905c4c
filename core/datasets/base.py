"""The interface of a data set, and the checks on its images and labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from core.image.pixels import Bounds

_CHUNK = 4096  # images checked at a time, to limit memory


@dataclass(frozen=True)
class ImageSet:
    """Images, with their labels if they have any.

    images: (N, H, W, C), uint8 in 0..255 or float32 within the bounds.
    labels: (N,) int64, each at least 0; None for a set without labels.
    class_names: one name per class; empty if unknown.
    """

    name: str
    images: NDArray[Any]
    labels: NDArray[np.int64] | None
    class_names: tuple[str, ...] = ()

    def head(self, limit: int | None) -> ImageSet:
        """The first ``limit`` images, or all of them."""
        if limit is None or limit >= len(self.images):
            return self
        labels = None if self.labels is None else self.labels[:limit]
        return ImageSet(self.name, self.images[:limit], labels, self.class_names)

    def required_labels(self) -> NDArray[np.int64]:
        """The labels (N,), for what can't do without them; raises DataError if there are none."""
        if self.labels is None:
            raise no_labels(self.name)
        return self.labels


def no_labels(name: str) -> DataError:
    """The error for a data set without the labels that it needs.

    Args:
        name: of the data set.
    """
    return DataError(f"{name} with labels, one class number per image", "no labels", "give a set that has them")


class Dataset(Protocol):
    """A registered data set: ``Dataset().load(bounds)``."""

    def load(self, bounds: Bounds = (0.0, 1.0)) -> ImageSet:
        """Locate, verify and load the test images.

        Args:
            bounds: the lowest and the highest value of float pixels.

        Raises:
            DataError: the data can't be found or is invalid.
        """
        ...


def checked(
    name: str,
    images: NDArray[Any],
    labels: NDArray[Any] | None,
    bounds: Bounds,
    class_names: tuple[str, ...] = (),
) -> ImageSet:
    """Validate the arrays and make an ImageSet of them.

    Args:
        name: the data set's name, which starts each error message.
        images: (N, H, W, C), uint8 or any float type within the bounds.
        labels: (N,), any integer type, each at least 0; None for a set without labels.
        bounds: the lowest and the highest value of float pixels.
        class_names: one name per class, or none.

    Raises:
        DataError: an array has the wrong shape, type or values.
    """
    if images.ndim != 4:
        raise DataError(
            f"{name}: images of shape (N, H, W, C)",
            f"shape {images.shape}",
            "add the missing axes, e.g. images[..., None] for grey images",
        )
    if 0 in images.shape:
        raise DataError(f"{name}: at least one image", f"shape {images.shape}", "check the file")
    if labels is not None:
        labels = _checked_labels(name, labels, len(images))
    return ImageSet(name, _checked_pixels(name, images, bounds), labels, class_names)


def _checked_labels(name: str, labels: NDArray[Any], count: int) -> NDArray[np.int64]:
    if labels.shape != (count,):
        raise DataError(
            f"{name}: labels of shape ({count},), one per image",
            f"shape {labels.shape}",
            "store class numbers, not one-hot rows, in the order of the images",
        )
    if labels.dtype.kind not in "iu":
        raise DataError(f"{name}: labels of an integer type", f"type {labels.dtype}", "use labels.astype('int64')")
    if labels.min() < 0:
        raise DataError(f"{name}: labels of 0 or more", f"a label {labels.min()}", "number classes from 0")
    return labels.astype(np.int64)


def _checked_pixels(name: str, images: NDArray[Any], bounds: Bounds) -> NDArray[Any]:
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images)
    if images.dtype.kind != "f":
        raise DataError(
            f"{name}: images of type uint8 (0..255) or float",
            f"type {images.dtype}",
            "use images.astype('uint8') for whole numbers in 0..255",
        )
    low, high = bounds
    result = np.empty(images.shape, np.float32)
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK]
        bad = ~np.isfinite(chunk)
        if bad.any():
            raise DataError(
                f"{name}: finite pixels",
                f"NaN or infinity in image {start + int(np.argwhere(bad)[0][0])}",
                "repair or remove that image",
            )
        if chunk.min() < low or chunk.max() > high:
            outside = np.argwhere((chunk < low) | (chunk > high))[0][0]
            raise DataError(
                f"{name}: float pixels within the bounds {low:g}..{high:g}",
                f"{chunk.min():g}..{chunk.max():g} (first in image {start + int(outside)})",
                "give --bounds LO HI as your model expects them, or scale the images",
            )
        result[start : start + _CHUNK] = np.clip(chunk.astype(np.float32), np.float32(low), np.float32(high))
    return result
