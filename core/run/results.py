"""The result of a run: attack data, index map, ledger and report. Only the reduce writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import IO, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.run import layout
from core.run.manifest import DataRef
from core.run.report import Report
from core.storage.folder import Folder
from core.storage.json_documents import encode, read_document
from core.storage.npy_header import npy_header
from core.storage.npy_reader import NpyReader

T = TypeVar("T")


class Results:
    """Reads and writes the result files in a run's folder."""

    def __init__(self, folder: Folder, arrays: NpyReader) -> None:
        self._folder, self._arrays = folder, arrays

    def write_attack_data(self, data: DataRef, batches: Callable[[], Iterable[NDArray[np.float32]]]) -> None:
        """Write ``attack_data.npy`` (N, H, W, C).

        Args:
            data: the attacked images.
            batches: returns the adversarial images in order, in batches, at each call.
        """

        def produce(file: IO[bytes]) -> None:
            file.write(npy_header(data.shape, np.dtype("<f4")))
            for images in batches():
                file.write(np.ascontiguousarray(images, "<f4").data)

        self._folder.write_with(layout.ATTACK_DATA, produce)

    def attack_data(self, data: DataRef, start: int, stop: int) -> NDArray[np.float32]:
        """Images ``start`` to ``stop`` (excluded) of ``attack_data.npy``, (stop - start, H, W, C)."""
        return self._arrays.read(layout.ATTACK_DATA, "float32", data.shape, start, stop)

    def chosen_attack_data(self, data: DataRef, indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """The images of ``attack_data.npy`` at ``indices`` (n,), (n, H, W, C)."""
        return self._arrays.choose(layout.ATTACK_DATA, "float32", data.shape, indices)

    def write(self, name: str, produce: Callable[[IO[bytes]], T]) -> T:
        """Let ``produce`` write a result file, as ``Folder.write_with`` does."""
        return self._folder.write_with(name, produce)

    def read(self, name: str, consume: Callable[[IO[bytes]], T]) -> T:
        """Let ``consume`` read a result file, as ``Folder.read_with`` does; raises FileNotFoundError."""
        return self._folder.read_with(name, consume)

    def content(self, name: str) -> bytes:
        """The whole content of a result file; raises FileNotFoundError."""
        return self._folder.read(name)

    def exists(self, name: str) -> bool:
        """Whether a result file exists."""
        return self._folder.exists(name)

    def report(self) -> Report | None:
        """The report, once the reduce has finished; raises IntegrityError."""
        return read_document(self._folder, Report, layout.REPORT)

    def write_report(self, report: Report) -> None:
        """Publish the report, the last step of the reduce."""
        self._folder.write(layout.REPORT, encode(report, indent=2))

    def withdraw_report(self) -> None:
        """Remove the report, because the run continues."""
        self._folder.remove(layout.REPORT)
