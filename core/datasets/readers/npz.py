"""The format ``npz``: arrays of the usual names in an archive that ``numpy.savez`` wrote, compressed or not."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO

from core.datasets.files.array_names import choose_arrays
from core.datasets.files.damage import check_unpacked, printable, readable
from core.datasets.files.npy_stream import NpyStream
from core.datasets.files.stored_arrays import StoredArrays
from core.datasets.location import Location
from core.datasets.source import ReadOptions, Source
from core.errors import DataError
from core.registry import READERS

_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # numpy writes no others, and Python unpacks them in pieces


@READERS.register("npz")
class NpzReader:
    """An ``.npz`` file, read through the archive's stream without unpacking an array whole."""

    @staticmethod
    def accepts(location: Location) -> bool:
        """Whether all files end in ``.npz``."""
        return location.suffix == ".npz"

    @staticmethod
    def open(location: Location, options: ReadOptions) -> Source:
        """See Reader."""
        if len(location.paths) != 1:
            raise DataError("one .npz file", f"{len(location.paths)} files", "give one of them")
        name, size = location.name, location.size(location.paths[0])
        with readable(name, "an .npz archive"), _archive(location) as archive:
            members = {
                info.filename.removesuffix(".npy"): info
                for info in archive.infolist()
                if info.filename.endswith(".npy") and not info.is_dir()
            }
        if not members:
            raise DataError(f"{name}: an .npz archive of arrays", "none", "write it with numpy.savez")
        arrays: dict[str, NpyStream] = {}

        def array(key: str) -> NpyStream:
            if key not in arrays:
                arrays[key] = _stream(location, key, members[key], size)
            return arrays[key]

        chosen = choose_arrays(name, list(members), lambda key: array(key).shape, options)
        labels = None if chosen.labels is None else array(chosen.labels)
        return StoredArrays(name, array(chosen.images), labels, chosen.notes)


def _stream(location: Location, key: str, info: zipfile.ZipInfo, size: int) -> NpyStream:
    name = f"{location.name}: {printable(key)}"
    if info.compress_type not in _METHODS:
        raise DataError(
            f"{name}: stored or deflated, as numpy writes it",
            f"compression method {info.compress_type}",
            "write it with numpy.savez_compressed",
        )
    if info.compress_size > size:
        raise DataError(
            f"{name}: {info.compress_size:,} bytes", f"a file of {size:,}", "the file is cut off or damaged"
        )
    check_unpacked(name, info.compress_size, info.file_size)
    return NpyStream(name, partial(_member, location, info), info.file_size)


@contextmanager
def _archive(location: Location) -> Iterator[zipfile.ZipFile]:
    with location.open(location.paths[0]) as file, zipfile.ZipFile(file) as archive:
        yield archive


@contextmanager
def _member(location: Location, info: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    with _archive(location) as archive, archive.open(info) as member:
        yield member
