"""The inputs of a run: images, labels, model and assets, by their content."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from core.errors import IntegrityError
from core.run import layout
from core.run.manifest import Blob, DataRef
from core.storage.folder import Folder
from core.storage.npy_reader import NpyReader


class Inputs:
    """Reads and writes the inputs in a run's folder."""

    def __init__(self, folder: Folder, arrays: NpyReader) -> None:
        self._folder, self._arrays = folder, arrays

    def write(self, blob: Blob, pieces: Callable[[], Iterable[bytes | memoryview]]) -> None:
        """Write an input unless it exists.

        Args:
            blob: its name, the digest of its content.
            pieces: returns the content, piece by piece, at each call.
        """
        if self._folder.exists(layout.input_file(blob)):
            return

        def produce(file: IO[bytes]) -> None:
            for piece in pieces():
                file.write(piece)

        self._folder.write_with(layout.input_file(blob), produce)

    def take_over(self, blob: Blob, path: Path) -> bool:
        """Make a local file an input by renaming it; False if the store is not on its disk.

        Args:
            blob: its name, the digest of its content.
            path: the file, which nothing writes to any more.
        """
        target = self.local_path(blob)
        if target is None or target.exists():
            return target is not None
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.rename(target)
        except OSError as error:
            if error.errno == errno.EXDEV:
                return False
            raise
        return True

    def content(self, blob: Blob) -> bytes:
        """The whole content of an input.

        Raises:
            IntegrityError: it is missing, or its content does not match its name.
        """
        name = layout.input_file(blob)
        try:
            content = self._folder.read(name)
        except FileNotFoundError:
            raise IntegrityError(f"{name}: not there") from None
        found = hashlib.sha256(content).hexdigest()
        if found != blob.sha256:
            raise IntegrityError(f"{name}: expected SHA-256 {blob.sha256}, got {found}")
        return content

    def local_path(self, blob: Blob) -> Path | None:
        """The path of an input, if the store is on a disk of this machine."""
        return Path(self._folder.path(layout.input_file(blob))) if self._folder.local else None

    def images(self, data: DataRef, start: int, stop: int) -> NDArray[Any]:
        """Images ``start`` to ``stop`` (excluded), (stop - start, H, W, C), as stored: uint8 or float32."""
        return self._arrays.read(layout.input_file(data.images), data.dtype, data.shape, start, stop)

    def chosen_images(self, data: DataRef, indices: NDArray[np.int64]) -> NDArray[Any]:
        """The images at ``indices`` (n,), as stored: (n, H, W, C) uint8 or float32."""
        return self._arrays.choose(layout.input_file(data.images), data.dtype, data.shape, indices)

    def labels(self, data: DataRef, start: int, stop: int) -> NDArray[np.int64] | None:
        """Labels ``start`` to ``stop`` (excluded), (stop - start,); None for a set without labels."""
        if data.labels is None:
            return None
        return self._arrays.read(layout.input_file(data.labels), "int64", (data.count,), start, stop)
