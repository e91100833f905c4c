"""The interface between image formats and planning: a source gives labels at once and images in pieces.

To add a format, write one file in ``core/datasets/readers`` with a class that is registered in ``READERS``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.datasets.location import Location

PIECE_BYTES = 32 << 20  # of the images in a piece, about


@dataclass(frozen=True)
class ReadOptions:
    """How the user wants an image set to be read.

    Args:
        keys: the names of the arrays or columns of images and labels, or of the images alone; empty for the usual ones.
        split: the part of a source that has several, such as ``test``.
        size: (height, width) that image files are resized to; None leaves them as they are.
        skip_broken: leave out images that can't be read, instead of refusing the set.
    """

    keys: tuple[str, ...] = ()
    split: str | None = None
    size: tuple[int, int] | None = None
    skip_broken: bool = False


@dataclass(frozen=True)
class Piece:
    """Some images of a source.

    Args:
        rows: (n,), their positions in the source, ascending.
        images: (n, H, W) or (n, H, W, C), as the format has them: integers, bool or float.
    """

    rows: NDArray[np.int64]
    images: NDArray[Any]


@dataclass(frozen=True)
class BrokenImage:
    """An image that was left out: its name in the source, and why it can't be read."""

    name: str
    reason: str


class Source(Protocol):
    """An image set in the form that its format has.

    Attributes:
        name: what the user gave, for messages and the manifest.
        count: number of images.
        class_names: the names of the numbers that ``labels`` returns; empty if they are unknown.
        notes: sentences on how the source was read where there was a choice. It may grow while pieces are read.
        broken: images that were left out, only with ``skip_broken``. It grows while pieces are read.
    """

    name: str
    count: int
    class_names: tuple[str, ...]
    notes: list[str]
    broken: list[BrokenImage]

    def labels(self) -> NDArray[Any] | None:
        """The labels (count, ...) as the format has them: numbers, one-hot rows or names; None if there are none."""
        ...

    def pieces(self, rows: NDArray[np.int64]) -> Iterator[Piece]:
        """The images at these rows, ascending, in pieces of about ``PIECE_BYTES``.

        Raises:
            DataError: an image can't be read, and broken ones are not to be left out.
        """
        ...


class Reader(Protocol):
    """A registered format."""

    @staticmethod
    def accepts(location: Location) -> bool:
        """Whether the location looks like this format, by name and kind. It doesn't open files."""
        ...

    @staticmethod
    def open(location: Location, options: ReadOptions) -> Source:
        """Look at a location without reading its images.

        Raises:
            DataError: it isn't of this format, or lacks what the options name.
        """
        ...
