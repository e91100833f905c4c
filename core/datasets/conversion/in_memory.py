"""Reads a whole image set into memory: for training, candidates, and attacks in this process."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.datasets.base import ImageSet
from core.datasets.conversion.labels import read_labels
from core.datasets.conversion.normalise import Convert, Target, image_shape, normalise
from core.datasets.source import Source
from core.image.pixels import Bounds


class ArraySink:
    """Keeps the images in memory. See Sink."""

    def __init__(self) -> None:
        self._pieces: list[NDArray[Any]] = []

    def append(self, images: NDArray[Any]) -> None:
        """See Sink."""
        self._pieces.append(images)

    def rewrite(self, convert: Convert) -> None:
        """See Sink."""
        self._pieces = [convert(piece) for piece in self._pieces]

    def images(self) -> NDArray[Any]:
        """All images, (N, H, W, C)."""
        return np.ascontiguousarray(np.concatenate(self._pieces))


def raw_images(source: Source) -> NDArray[Any]:
    """All images of a source as its format has them, (N, H, W) or (N, H, W, C); raises DataError."""
    return np.concatenate([piece.images for piece in source.pieces(np.arange(source.count))])


def load_image_set(
    source: Source, bounds: Bounds = (0.0, 1.0), *, channels: int | None = None, stated: bool = True
) -> ImageSet:
    """Read all images of a source.

    Args:
        source: the image set.
        bounds: lowest and highest value of float pixels.
        channels: number of channels to convert to; as they are if None.
        stated: whether the bounds are more than a guess.

    Raises:
        DataError: the set can't be read.
    """
    rows = np.arange(source.count)
    height, width, found = image_shape(source, rows)
    sink = ArraySink()
    read = normalise(source, rows, Target((height, width, channels or found), bounds, stated), sink)
    labels = read_labels(source.name, source.labels(), source.class_names)
    numbers = None if labels.numbers is None else labels.numbers[read.rows]
    return ImageSet(source.name, sink.images(), numbers, labels.class_names)
