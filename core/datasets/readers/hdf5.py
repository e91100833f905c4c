"""The format ``hdf5``: arrays of the usual names in an HDF5 file, read in rows of whole chunks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from core.datasets.files.array_names import choose_arrays
from core.datasets.files.damage import MAX_IMAGE, check_unpacked, printable, readable
from core.datasets.files.stored_arrays import StoredArrays
from core.datasets.location import Location
from core.datasets.source import PIECE_BYTES, Piece, ReadOptions, Source
from core.errors import DataError
from core.registry import READERS

_MAX_ARRAYS = 10_000  # in a file; the rest isn't looked at
_KIND = "an HDF5 file"


@READERS.register("hdf5")
class Hdf5Reader:
    """An HDF5 file, from any file system. What leads out of the file is refused: links, external and virtual data."""

    @staticmethod
    def accepts(location: Location) -> bool:
        """Whether all files end in ``.h5``, ``.hdf5`` or ``.hdf``."""
        return location.suffix in {".h5", ".hdf5", ".hdf"}

    @staticmethod
    def open(location: Location, options: ReadOptions) -> Source:
        """See Reader."""
        if len(location.paths) != 1:
            raise DataError("one HDF5 file", f"{len(location.paths)} files", "give one of them")
        name = location.name
        with readable(name, _KIND), _opened(location) as file:
            for key in options.keys:
                _refuse_link(name, file, key)
            names = _arrays(file)
            chosen = choose_arrays(name, names, lambda key: tuple(file[key].shape), options)
            images = Hdf5Array(location, chosen.images, file[chosen.images])
            labels = None if chosen.labels is None else Hdf5Array(location, chosen.labels, file[chosen.labels])
        return StoredArrays(name, images, labels, chosen.notes)


class Hdf5Array:
    """One array of an HDF5 file; see StoredArray.

    Args:
        location: the file.
        key: the array's path in it.
        array: the open array.

    Raises:
        DataError: its values are outside of the file, of variable length, or unpack to far more than is stored.
    """

    def __init__(self, location: Location, key: str, array: Any) -> None:
        self.name = f"{location.name}: {printable(key)}"
        self._location, self._key = location, key
        if array.external is not None or array.is_virtual:
            raise DataError(f"{self.name}: values inside the file", "a reference to another file", "copy them into it")
        if array.shape is None or array.dtype.hasobject or array.dtype.kind not in "biufcSU":
            raise DataError(
                f"{self.name}: plain numbers, or strings of a fixed length",
                "values of variable length" if array.dtype.hasobject else f"type {array.dtype}",
                "store uint8, float or integer values",
            )
        self.shape = tuple(int(axis) for axis in array.shape)
        self._stored = np.dtype(array.dtype.str)  # without h5py's description of enumerations
        self.dtype = self._stored.newbyteorder("=")
        self._row: int = self.dtype.itemsize * math.prod(self.shape[1:])
        check_unpacked(self.name, array.id.get_storage_size(), self._row * (self.shape[0] if self.shape else 1))
        chunk = math.prod(array.chunks or (0,)) * self.dtype.itemsize
        if chunk > MAX_IMAGE:
            raise DataError(
                f"{self.name}: chunks of at most {MAX_IMAGE >> 20} MB",
                f"{chunk:,} bytes, shape {array.chunks}",
                "write it again with h5py's chunks=True",
            )
        self._chunk_rows: int = int(array.chunks[0]) if array.chunks else 1

    def pieces(self, rows: NDArray[np.int64]) -> Iterator[Piece]:
        """See StoredArray."""
        length = self._rows_at_once()
        blocks = rows // length
        with readable(self.name, _KIND), _opened(self._location) as file:
            array = file[self._key]
            for chosen in np.split(rows, np.flatnonzero(np.diff(blocks)) + 1):
                first, stop = (int(chosen[0]), int(chosen[-1]) + 1) if len(chosen) else (0, 0)
                found = array[first:stop][chosen - first]
                yield Piece(chosen, found.astype(self.dtype, copy=False))

    def _rows_at_once(self) -> int:
        """About ``PIECE_BYTES`` of rows, in whole chunks, so that no chunk is unpacked twice."""
        length: int = max(1, PIECE_BYTES // max(1, self._row))
        if length >= self._chunk_rows:
            return length // self._chunk_rows * self._chunk_rows
        # Somewhat larger pieces rather than unpacking each chunk several times.
        return self._chunk_rows if self._chunk_rows * self._row <= 4 * PIECE_BYTES else length


@contextmanager
def _opened(location: Location) -> Iterator[Any]:
    # The chunk cache helps where a row of chunks is larger than a piece.
    with location.open(location.paths[0]) as raw, h5py.File(raw, "r", rdcc_nbytes=PIECE_BYTES) as file:
        yield file


def _arrays(file: Any) -> list[str]:
    """The paths of all arrays. Soft and external links are not followed."""
    found: list[str] = []

    def visit(name: str, item: Any) -> bool | None:
        if isinstance(item, h5py.Dataset):
            found.append(name)
        return True if len(found) >= _MAX_ARRAYS else None

    file.visititems(visit)
    return found


def _refuse_link(name: str, file: Any, key: str) -> None:
    """Refuse a key that leads through a soft or an external link."""
    parts = [part for part in key.split("/") if part]
    for end in range(1, len(parts) + 1):
        path = "/".join(parts[:end])
        link = file.get(path, getlink=True)
        if isinstance(link, h5py.SoftLink | h5py.ExternalLink):
            kind = "an external link" if isinstance(link, h5py.ExternalLink) else "a soft link"
            raise DataError(f"{name}: an array {key!r}", f"{kind} at {path}", "give --keys the array's own path")
        if link is None or not isinstance(file.get(path), h5py.Group):
            return
