"""The format ``npy``: an array of images, alone or with one of labels (``x_test.npy,y_test.npy``)."""

from __future__ import annotations

from core.datasets.files.array_names import told_apart
from core.datasets.files.npy_stream import NpyStream
from core.datasets.files.stored_arrays import StoredArrays
from core.datasets.location import Location
from core.datasets.source import ReadOptions, Source
from core.errors import DataError
from core.registry import READERS


@READERS.register("npy")
class NpyReader:
    """One or two ``.npy`` files; which of two has the labels is told from their shapes."""

    @staticmethod
    def accepts(location: Location) -> bool:
        """Whether all files end in ``.npy``."""
        return location.suffix == ".npy"

    @staticmethod
    def open(location: Location, options: ReadOptions) -> Source:
        """See Reader."""
        if options.keys or options.split:
            given = "--keys" if options.keys else "--split"
            raise DataError(f"{location.name}: an .npy file, which is one array", given, f"leave {given} out")
        count = len(location.paths)
        if count > 2 or len(set(location.paths)) != count:
            got = f"{count} files" if count > 2 else "the same file twice"
            raise DataError("an .npy file of images, and one of labels", got, "give IMAGES.npy,LABELS.npy")
        arrays = {path: _stream(location, path) for path in location.paths}
        chosen = told_apart(location.name, {path: array.shape for path, array in arrays.items()})
        labels = None if chosen.labels is None else arrays[chosen.labels]
        return StoredArrays(location.name, arrays[chosen.images], labels, chosen.notes)


def _stream(location: Location, path: str) -> NpyStream:
    return NpyStream(location.relative(path), lambda: location.open(path), location.size(path))
