"""An array of images that is written piece by piece to an .npy file, hashed on the way, with one piece in memory."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.run.manifest import Blob
from core.storage.npy_header import npy_header
from orchestrator.planning.inputs import Input

_PIECE = 64 << 20  # bytes
Convert = Callable[[NDArray[Any]], NDArray[Any]]


class Spool:
    """The images of a run in the making. See core.datasets.conversion.normalise.Sink.

    Args:
        folder: for its files.
        expected: number of images that will probably come.
        image_shape: (H, W, C).
    """

    def __init__(self, folder: Path, expected: int, image_shape: tuple[int, int, int]) -> None:
        self._folder, self._expected, self._image_shape = folder, expected, image_shape
        self._file: _NpyFile | None = None
        self._files = 0

    @property
    def count(self) -> int:
        """Number of images so far."""
        return self._file.count if self._file else 0

    def append(self, images: NDArray[Any]) -> None:
        """Add images (n, H, W, C) of the type of those before."""
        if self._file is None:
            self._file = self._new(images.dtype)
        self._file.append(images)

    def rewrite(self, convert: Convert) -> None:
        """Apply a function to all images so far, which may change their type."""
        old, self._file = self._file, None
        if old is None:
            return
        old.close()
        for piece in old.pieces():
            self.append(convert(piece))
        old.path.unlink()

    def finish(self) -> tuple[Input, NDArray[Any]]:
        """The file as an input, and its images as a memory map (N, H, W, C)."""
        if self._file is None:
            raise ValueError("no images were added")
        self._file.close()
        sha256, path = self._file.sha256(), self._file.path
        made = Input(Blob(name=f"{sha256}.npy", sha256=sha256), path.stat().st_size, lambda: _read(path), path)
        return made, np.load(path, mmap_mode="r", allow_pickle=False)

    def _new(self, dtype: np.dtype[Any]) -> _NpyFile:
        self._files += 1
        return _NpyFile(self._folder / f"images-{self._files}.npy", dtype, self._expected, self._image_shape)


class _NpyFile:
    """An .npy file in the making. The header is written for the expected count, and corrected at the end."""

    def __init__(self, path: Path, dtype: np.dtype[Any], expected: int, image_shape: tuple[int, int, int]) -> None:
        self.path, self.count = path, 0
        self._dtype, self._image_shape = dtype, image_shape
        self._header = npy_header((expected, *image_shape), dtype)
        self._digest = hashlib.sha256(self._header)
        self._file = path.open("w+b")
        self._file.write(self._header)

    def append(self, images: NDArray[Any]) -> None:
        content = np.ascontiguousarray(images, self._dtype).data.cast("B")
        self._digest.update(content)
        self._file.write(content)
        self.count += len(images)

    def close(self) -> None:
        header = npy_header((self.count, *self._image_shape), self._dtype)
        if len(header) != len(self._header):  # both are padded to the same length up to 10^20 images
            raise ValueError(f"a header of {len(header)} bytes in place of one of {len(self._header)}")
        if header != self._header:
            self._file.seek(0)
            self._file.write(header)
            self._digest = None  # type: ignore[assignment]
        self._file.close()

    def sha256(self) -> str:
        if self._digest is not None:
            return self._digest.hexdigest()
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def pieces(self) -> Iterator[NDArray[Any]]:
        row = math.prod(self._image_shape) * self._dtype.itemsize
        at_once = max(1, _PIECE // row)
        with self.path.open("rb") as file:
            file.seek(len(self._header))
            while content := file.read(at_once * row):
                yield np.frombuffer(content, self._dtype).reshape(-1, *self._image_shape)


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while content := file.read(_PIECE):
            yield content
