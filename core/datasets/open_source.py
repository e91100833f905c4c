"""Finds the reader of an image set by its name."""

from __future__ import annotations

import posixpath
from typing import cast

from core.datasets.location import Location
from core.datasets.source import ReadOptions, Source
from core.errors import DataError
from core.registry import READERS

_ADVICE = "give a folder of image files, .npz, .npy, .h5 or .parquet"
_CONVERT = {
    ".csv": ("a CSV file", "save its pixels with numpy.savez(path, images=images, labels=labels)"),
    ".tfrecord": ("a TFRecord file", "write its images to class folders, or save them with numpy.savez"),
    ".tfrecords": ("a TFRecord file", "write its images to class folders, or save them with numpy.savez"),
    ".mat": ("a MATLAB file", "read it with scipy.io.loadmat and save it with numpy.savez"),
    **dict.fromkeys((".tar", ".tgz"), ("a tar archive", "unpack it, and give the folder")),
    **dict.fromkeys((".gz", ".bz2", ".xz", ".zst"), ("a compressed file", "unpack it, and give what it contains")),
    ".zip": ("a zip archive", "unpack it and give the folder, or give zip://NAME::FILE.zip for one file in it"),
    ".arrow": ("an Arrow file", "write it with datasets.Dataset.to_parquet"),
    **dict.fromkeys(
        (".pkl", ".pickle", ".pt", ".pth"),
        ("a pickle, which is not opened", "load it where you trust it, and save it with numpy.savez"),
    ),
}


def open_source(location: Location, options: ReadOptions) -> Source:
    """Open an image set with the registered reader that accepts it.

    Args:
        location: where it is.
        options: how the user wants it to be read.

    Raises:
        DataError: no reader accepts it, or several do, or it is invalid.
    """
    accepting = [name for name in READERS if READERS[name].accepts(location)]
    if len(accepting) == 1:
        return cast(Source, READERS[accepting[0]].open(location, options))
    if accepting:
        raise DataError(
            f"{location.name}: files of one format",
            " and ".join(accepting),
            "give a pattern that matches one of them, such as FOLDER/*.parquet",
        )
    suffix = posixpath.splitext(location.name)[1].lower()
    suffixes = sorted({posixpath.splitext(path)[1].lower() for path in location.files()})
    if location.is_folder or len(suffixes) != 1:
        got = f"files that end in {', '.join(suffixes[:5])}" if any(suffixes) else "none"
        raise DataError(f"{location.name}: images that can be read", got, _ADVICE)
    kind, advice = _CONVERT.get(location.suffix or suffix, (f"a file that ends in {location.suffix!r}", _ADVICE))
    raise DataError(f"{location.name}: an image set of a known format", kind, advice)
