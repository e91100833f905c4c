"""An image set of one or two arrays that stay in their file and are read in pieces."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.datasets.files.damage import MAX_IMAGE, MAX_LABELS, readable
from core.datasets.source import BrokenImage, Piece
from core.errors import DataError


class StoredArray(Protocol):
    """An array in a file: its name for messages, its shape and type, and its rows in pieces."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def pieces(self, rows: NDArray[np.int64]) -> Iterator[Piece]:
        """The rows at these ascending positions; raises DataError."""
        ...


class StoredArrays:
    """A source of stored images, with or without labels.

    Args:
        name: what the user gave.
        images: (N, H, W) or (N, H, W, C), numbers.
        labels: (N, ...), numbers or strings; None without.
        notes: how the arrays were chosen.

    Raises:
        DataError: the arrays aren't images and labels of the same number.
    """

    def __init__(self, name: str, images: StoredArray, labels: StoredArray | None, notes: list[str]) -> None:
        self.name, self.notes = name, notes
        self.class_names: tuple[str, ...] = ()
        self.broken: list[BrokenImage] = []
        _check_images(images)
        self.count = images.shape[0]
        if labels is not None:
            _check_labels(labels, self.count, images.name)
        self._images, self._labels = images, labels

    def labels(self) -> NDArray[Any] | None:
        """See Source."""
        if self._labels is None:
            return None
        pieces = self._labels.pieces(np.arange(self.count, dtype=np.int64))
        labels: NDArray[Any] = np.concatenate([piece.images for piece in pieces])
        return decoded_strings(self._labels.name, labels)

    def pieces(self, rows: NDArray[np.int64]) -> Iterator[Piece]:
        """See Source."""
        yield from self._images.pieces(rows)


def decoded_strings(name: str, labels: NDArray[Any]) -> NDArray[Any]:
    """Labels that are byte strings as text, others unchanged; raises DataError for invalid text."""
    if labels.dtype.kind not in "SU":
        return labels
    with readable(name, "labels of valid text"):
        labels = np.strings.decode(labels, "utf-8") if labels.dtype.kind == "S" else labels
        "".join(labels.ravel().tolist()).encode()  # raises for code points that don't exist
    return labels


def _check_images(images: StoredArray) -> None:
    shape = images.shape
    if len(shape) not in {3, 4}:
        raise DataError(
            f"{images.name}: images of shape (N, H, W) or (N, H, W, C)",
            f"shape {shape}",
            "reshape the array, or name another one with --keys IMAGES,LABELS",
        )
    if 0 in shape:
        raise DataError(f"{images.name}: at least one image", f"shape {shape}", "check the file")
    if images.dtype.kind not in "biuf":
        raise DataError(
            f"{images.name}: pixels that are whole numbers or floats", f"type {images.dtype}", "convert the array"
        )
    size = images.dtype.itemsize * math.prod(shape[1:])
    if size > MAX_IMAGE:
        raise DataError(
            f"{images.name}: images of at most {MAX_IMAGE >> 20} MB each",
            f"{size:,} bytes, shape {shape[1:]}",
            "check the order of the axes, or make the images smaller",
        )


def _check_labels(labels: StoredArray, count: int, images: str) -> None:
    if not labels.shape or labels.shape[0] != count or 0 in labels.shape:
        raise DataError(
            f"{labels.name}: one label for each of the {count} images in {images}",
            f"{labels.shape[0] if labels.shape else 0} labels, shape {labels.shape}",
            "check that both belong together, or name the arrays with --keys IMAGES,LABELS",
        )
    if labels.dtype.kind not in "biufSU":
        raise DataError(
            f"{labels.name}: labels that are numbers or fixed-length strings",
            f"type {labels.dtype}",
            "store class numbers, for example as int64",
        )
    size = labels.dtype.itemsize * math.prod(labels.shape)
    if size > MAX_LABELS:
        raise DataError(
            f"{labels.name}: labels of at most {MAX_LABELS >> 20} MB",
            f"{size:,} bytes, shape {labels.shape}",
            "store class numbers instead of one-hot rows",
        )
