"""Reads slices of .npy files, so that a worker's memory holds its shard and not the whole set."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import IntegrityError
from core.storage.folder import Folder
from core.storage.npy_header import npy_header


class NpyReader:
    """Reads .npy files whose shape and type are known in advance; raises IntegrityError for other files.

    ``name`` is a file of the folder, ``shape`` the shape of its whole array, ``dtype`` a NumPy type name.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._checked: set[str] = set()  # files whose header has been verified

    def read(self, name: str, dtype: str, shape: tuple[int, ...], start: int, stop: int) -> NDArray[Any]:
        """Read rows ``start`` to ``stop``."""
        return self._slices(name, dtype, shape, [(start, stop)])[0]

    def choose(self, name: str, dtype: str, shape: tuple[int, ...], indices: NDArray[np.int64]) -> NDArray[Any]:
        """Read the rows ``indices`` (n,), in that order; consecutive rows are read in one request."""
        ends = [0, *(np.flatnonzero(np.diff(indices) != 1) + 1), len(indices)]
        slices = [(int(indices[a]), int(indices[b - 1]) + 1) for a, b in itertools.pairwise(ends)]
        return np.concatenate(self._slices(name, dtype, shape, slices))

    def whole(
        self, names: Sequence[str], dtype: str, shapes: Sequence[tuple[int, ...]]
    ) -> list[NDArray[Any] | IntegrityError]:
        """Read several whole files, each with its header in one request; returns each array or its error."""
        kind = np.dtype(dtype).newbyteorder("<")
        headers = [npy_header(shape, kind) for shape in shapes]
        sizes = [len(head) + kind.itemsize * math.prod(shape) for head, shape in zip(headers, shapes, strict=True)]
        contents = self._folder.read_many([(name, 0, size) for name, size in zip(names, sizes, strict=True)])
        found: list[NDArray[Any] | IntegrityError] = []
        for name, head, size, shape, content in zip(names, headers, sizes, shapes, contents, strict=True):
            if content is None or not content.startswith(head):
                found.append(_mismatch(name, dtype, shape))
            elif len(content) != size:
                found.append(IntegrityError(f"{name}: too short for {shape[0]} rows"))
            else:
                found.append(np.frombuffer(content, kind, offset=len(head)).reshape(shape))
        return found

    def _slices(
        self, name: str, dtype: str, shape: tuple[int, ...], slices: list[tuple[int, int]]
    ) -> list[NDArray[Any]]:
        kind = np.dtype(dtype).newbyteorder("<")
        header, size = npy_header(shape, kind), kind.itemsize * math.prod(shape[1:])
        if name not in self._checked:
            if self._folder.read_many([(name, 0, len(header))]) != [header]:
                raise _mismatch(name, dtype, shape)
            self._checked.add(name)
        contents = self._folder.read_many([(name, len(header) + a * size, len(header) + b * size) for a, b in slices])
        found = []
        for (start, stop), content in zip(slices, contents, strict=True):
            if content is None or len(content) != (stop - start) * size:
                raise IntegrityError(f"{name}: too short for rows {start} to {stop}")
            found.append(np.frombuffer(content, kind).reshape(stop - start, *shape[1:]))
        return found


def _mismatch(name: str, dtype: str, shape: tuple[int, ...]) -> IntegrityError:
    return IntegrityError(f"{name}: missing, or not an array of shape {shape} and type {dtype}")
