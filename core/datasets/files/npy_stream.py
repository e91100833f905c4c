"""Reads an .npy array row by row from a stream, so that memory holds a piece of it and not the whole."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from core.datasets.files.damage import MAX_UNPACKED, readable
from core.datasets.source import PIECE_BYTES, Piece
from core.errors import DataError

_READ_BYTES = 1 << 20  # at a time, because a compressed member of an archive unpacks as much as is asked for


class NpyStream:
    """One .npy array in a file or in an archive, never unpickled.

    Args:
        name: for messages.
        opened: opens the file at its start, with ``seek``; called once for the header and once for each reading.
        size: bytes that the file holds, header included.

    Attributes:
        shape: of the array; rows are along its first axis.
        dtype: of the rows that ``pieces`` yields, in native byte order.

    Raises:
        DataError: it isn't an .npy array of plain values, or claims more values than ``size`` has room for.
    """

    def __init__(self, name: str, opened: Callable[[], AbstractContextManager[IO[bytes]]], size: int) -> None:
        self.name, self._opened = name, opened
        with readable(name, "an .npy array"), opened() as file:
            self.shape, self._fortran, self._stored = _header(file, name)
            self._start = file.tell()
        self.dtype = self._stored.newbyteorder("=")
        self._row = self._stored.itemsize * math.prod(self.shape[1:])
        claimed = self._row * (self.shape[0] if self.shape else 1)
        if self._start + claimed > size:
            raise DataError(
                f"{name}: {claimed:,} bytes, as shape {self.shape} and type {self.dtype} say",
                f"{max(0, size - self._start):,} bytes",
                "the file is cut off or damaged; copy it again",
            )
        # A one-dimensional array is the same in both orders.
        self._fortran = self._fortran and len(self.shape) > 1
        if self._fortran and claimed > MAX_UNPACKED:
            raise DataError(
                f"{name}: an array in C order, or one of at most {MAX_UNPACKED >> 20} MB",
                f"{claimed:,} bytes in Fortran order, in which an image can't be read alone",
                "save numpy.ascontiguousarray(images)",
            )

    def pieces(self, rows: NDArray[np.int64]) -> Iterator[Piece]:
        """Read the rows at these ascending positions, ``PIECE_BYTES`` at a time.

        Raises:
            DataError: the file is damaged.
        """
        if not len(rows):
            return
        length = max(1, PIECE_BYTES // max(1, self._row))
        with readable(self.name, "an .npy array"), self._opened() as file:
            whole = self._transposed(file) if self._fortran else None
            for chosen in np.split(rows, range(length, len(rows), length)):
                found = self._read(file, chosen) if whole is None else whole[chosen]
                yield Piece(chosen, found.astype(self.dtype, copy=False))

    def _read(self, file: IO[bytes], rows: NDArray[np.int64]) -> NDArray[Any]:
        content = np.empty(len(rows) * self._row, np.uint8)
        ends = [0, *(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
        for first, stop in itertools.pairwise(ends):
            file.seek(self._start + int(rows[first]) * self._row)
            _fill(file, content.data[first * self._row : stop * self._row])
        return content.view(self._stored).reshape(len(rows), *self.shape[1:])

    def _transposed(self, file: IO[bytes]) -> NDArray[Any]:
        content = np.empty(self.shape[0] * self._row, np.uint8)
        file.seek(self._start)
        _fill(file, content.data)
        return content.view(self._stored).reshape(self.shape[::-1]).transpose()


def _header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    magic = file.read(np.lib.format.MAGIC_LEN)
    if magic[:1] == b"\x80":
        raise DataError(f"{name}: an .npy array", "a pickle, which is not opened", "save it with numpy.save")
    if magic[:-2] != np.lib.format.MAGIC_PREFIX or len(magic) != np.lib.format.MAGIC_LEN:
        raise DataError(f"{name}: an .npy array", "a file of another format", "save it with numpy.save")
    readers = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
    if magic[-2] not in readers:
        raise DataError(f"{name}: plain numbers", f".npy version {magic[-2]}", "save an array of numbers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # headers that Python 2 wrote
        shape, fortran, dtype = readers[magic[-2]](file)
    if dtype.hasobject:
        raise DataError(
            f"{name}: plain numbers", "an object array, which is not unpickled", "store uint8, float or integer values"
        )
    if dtype.kind not in "biufcSU" or not dtype.itemsize or any(axis < 0 for axis in shape):
        raise DataError(f"{name}: plain numbers", f"type {dtype}, shape {shape}", "save an array of numbers")
    return tuple(int(axis) for axis in shape), bool(fortran), dtype


def _fill(file: IO[bytes], view: memoryview) -> None:
    done = 0
    while done < len(view):
        content = file.read(min(_READ_BYTES, len(view) - done))
        if not content:
            raise EOFError("the file is cut off")
        view[done : done + len(content)] = content
        done += len(content)
