"""Brings the pieces of any source to one shape, one type and one range."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from core.datasets.conversion.channels import channels_last, with_channels
from core.datasets.conversion.levels import PixelRange
from core.datasets.source import Source
from core.errors import DataError
from core.image.pixels import Bounds

_PROBED = 64  # rows that are read to learn the shape, in case the first are broken
Progress = Callable[[int, int], None]
Convert = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True)
class Target:
    """What the images are brought to.

    Attributes:
        shape: (H, W, C).
        bounds: lowest and highest pixel value that the model takes.
        stated: whether the user or the model says so; otherwise the bounds are a guess.
    """

    shape: tuple[int, int, int]
    bounds: Bounds
    stated: bool = True


class Sink(Protocol):
    """Takes the images, piece by piece."""

    def append(self, images: NDArray[Any]) -> None:
        """Add images (n, H, W, C), uint8 or float32, of the same type as those before."""
        ...

    def rewrite(self, convert: Convert) -> None:
        """Apply a function to all images so far, in pieces."""
        ...


@dataclass(frozen=True)
class Normalised:
    """What was read.

    Attributes:
        rows: (n,), the positions in the source of the images in the sink.
        dtype: of the images in the sink.
        notes: one sentence for each choice that was made.
    """

    rows: NDArray[np.int64]
    dtype: Literal["uint8", "float32"]
    notes: tuple[str, ...]


def image_shape(source: Source, rows: NDArray[np.int64]) -> tuple[int, int, int]:
    """The shape (H, W, C) of the first readable image; raises DataError if there is none."""
    for chosen in (rows[:1], rows[:_PROBED], rows):
        for piece in source.pieces(chosen):
            images, _ = channels_last(source.name, piece.images)
            if len(images):
                height, width, channels = images.shape[1:]
                return height, width, channels
    raise DataError(f"{source.name}: at least one image", "none", "check the path given to --data")


def normalise(
    source: Source, rows: NDArray[np.int64], target: Target, sink: Sink, progress: Progress | None = None
) -> Normalised:
    """Read the images at ``rows`` into the sink, as uint8 levels if they all lie on such, and else as floats.

    Args:
        source: the image set.
        rows: (n,), ascending.
        target: the shape and range to bring them to.
        sink: takes the images.
        progress: called with the images read so far, and their number in all.

    Raises:
        DataError: an image has another shape, or the pixels can't be read as one range.
    """
    found, notes, pixels = [], dict[str, None](), PixelRange(source.name, target.bounds, stated=target.stated)
    kind = None
    for piece_rows, images in _pieces(source, rows, target, notes):
        kept = pixels.add(piece_rows, images)
        if kind == "levels" and pixels.kind == "wide":
            sink.rewrite(lambda levels: levels / np.float32(255))
        kind = pixels.kind
        sink.append(kept)
        found.append(piece_rows)
        if progress is not None:
            progress(sum(map(len, found)), len(rows))
    if not found:
        raise DataError(f"{source.name}: at least one image", "none", "check the path given to --data")
    reading = pixels.reading()
    if reading.convert is not None:
        sink.rewrite(reading.convert)
    every_note = dict.fromkeys((*source.notes, *notes, *reading.notes))
    return Normalised(np.concatenate(found), reading.dtype, tuple(every_note))


def _pieces(
    source: Source, rows: NDArray[np.int64], target: Target, notes: dict[str, None]
) -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
    for piece in source.pieces(rows):
        if not len(piece.rows):
            continue
        images, moved = channels_last(source.name, piece.images)
        images, converted = with_channels(source.name, images, target.shape[2])
        notes.update(dict.fromkeys(note for note in (moved, converted) if note))
        if images.shape[1:] != target.shape:
            height, width = images.shape[1:3]
            raise DataError(
                f"{source.name}: images of {target.shape[0]} x {target.shape[1]} pixels",
                f"{height} x {width} from image {piece.rows[0]} on",
                "give --size H W to resize image files",
            )
        yield piece.rows, images
