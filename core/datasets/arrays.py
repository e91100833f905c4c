"""Arrays in memory as a source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.datasets.source import PIECE_BYTES, BrokenImage, Piece


class ArraySource:
    """Images and labels that are already in memory, or in a memory-mapped file.

    Args:
        name: for messages and the manifest.
        images: (N, H, W) or (N, H, W, C), any numeric type.
        labels: (N, ...), or None.
        class_names: of the labels' numbers; empty if unknown.
    """

    def __init__(
        self, name: str, images: NDArray[Any], labels: NDArray[Any] | None, class_names: tuple[str, ...] = ()
    ) -> None:
        self.name, self.count, self.class_names = name, len(images), class_names
        self.notes: list[str] = []
        self.broken: list[BrokenImage] = []
        self._images, self._labels = images, labels

    def labels(self) -> NDArray[Any] | None:
        """See Source."""
        return self._labels

    def pieces(self, rows: NDArray[np.int64]) -> Iterator[Piece]:
        """See Source."""
        size = self._images[:1].nbytes or 1
        for chosen in np.split(rows, range(max(1, PIECE_BYTES // size), len(rows), max(1, PIECE_BYTES // size))):
            yield Piece(chosen, self._images[chosen])
