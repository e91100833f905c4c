"""The format ``image-folder``: image files in class folders, in one folder, or listed in ``metadata.csv``."""

from __future__ import annotations

import io
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import IO, Any

import numpy as np
from fsspec.implementations.local import LocalFileSystem
from numpy.typing import NDArray

from core.datasets.files.damage import printable
from core.datasets.files.decode import MAX_BYTES
from core.datasets.files.folder_layout import NO_LABELS, Layout, choose_split, is_image, lay_out, other_files
from core.datasets.files.image_decoder import Encoded, ImageDecoder
from core.datasets.files.image_metadata import METADATA, read_metadata
from core.datasets.location import Location
from core.datasets.source import Piece, ReadOptions, Source
from core.errors import DataError
from core.registry import READERS

_LOOKED_AT = 256  # images that decide whether the set is in colour
_REMOTE_READERS = 16


@READERS.register("image-folder")
class ImageFolderReader:
    """Folders, patterns and single files of PNG, JPEG, BMP, GIF and WebP."""

    @staticmethod
    def accepts(location: Location) -> bool:
        """Whether a folder holds image files, or all files are such."""
        return any(map(is_image, location.files())) if location.is_folder else all(map(is_image, location.paths))

    @staticmethod
    def open(location: Location, options: ReadOptions) -> Source:
        """See Reader."""
        if not location.is_folder:
            if options.split is not None or options.keys:
                given = "--keys" if options.keys else "--split"
                raise DataError(f"{location.name}: a folder, for {given}", "image files", f"leave {given} out")
            return ImageFiles(location, Layout(list(location.paths), None, (), (NO_LABELS,)), options)
        paths = {location.relative(path): path for path in location.files()}
        layout = _layout(location, paths, options)
        return ImageFiles(location, replace(layout, files=[paths[path] for path in layout.files]), options)


class ImageFiles:
    """Image files as a source.

    A set is in colour if any of 256 images spread evenly over it is, and has 16 bits likewise; its other images are
    converted. So each file is decoded once, and no header is read twice but theirs.

    Args:
        location: where the files are.
        layout: their paths, for ``location.open``, and labels.
        options: size, and whether broken images are left out.
    """

    def __init__(self, location: Location, layout: Layout, options: ReadOptions) -> None:
        self.name, self.count = location.name, len(layout.files)
        self.class_names = tuple(map(printable, layout.class_names))
        self.notes = list(layout.notes)
        self._location, self._layout, self._fixed_notes = location, layout, layout.notes
        self._local = isinstance(location.fs, LocalFileSystem)
        self._parallel = self._local or getattr(location.fs, "async_impl", False)
        self._lock = Lock()
        self._decoder = ImageDecoder(
            location.name, options, _REMOTE_READERS if self._parallel and not self._local else None
        )
        self.broken = self._decoder.broken
        self._looked = False

    def labels(self) -> NDArray[Any] | None:
        """See Source."""
        return self._layout.labels

    def pieces(self, rows: NDArray[np.int64]) -> Iterator[Piece]:
        """See Source."""
        if not self._looked:
            self._looked = True
            spread = np.linspace(0, self.count - 1, min(self.count, _LOOKED_AT)).astype(np.int64)
            self._decoder.look(self._encoded(spread))
        try:
            yield from self._decoder.pieces(partial(self._encoded, rows))
        finally:
            self.notes[:] = [*self._fixed_notes, *self._decoder.notes()]

    def _encoded(self, rows: NDArray[np.int64]) -> Iterable[Encoded]:
        for row in rows.tolist():
            path = self._layout.files[row]
            yield Encoded(row, printable(self._location.relative(path)), partial(self._open, path))

    def _open(self, path: str) -> IO[bytes]:
        if self._parallel:
            return self._location.open(path)
        with self._lock, self._location.open(path) as file:  # archives have one position for all members
            return io.BytesIO(file.read(MAX_BYTES + 1))


def _layout(location: Location, paths: dict[str, str], options: ReadOptions) -> Layout:
    """The layout of a folder whose files have these paths below it."""
    whole = _metadata(location, paths, "", options)
    images = whole.files if whole else list(filter(is_image, paths))
    split, notes = choose_split(location.name, images, options.split)
    if whole is not None:
        chosen = [row for row, path in enumerate(whole.files) if path.startswith(split)]
        labels = None if whole.labels is None else whole.labels[chosen]
        return Layout([images[row] for row in chosen], labels, whole.class_names, (*notes, *whole.notes))
    layout = _metadata(location, paths, split, options) if split else None
    if layout is None:
        if options.keys:
            raise DataError(f"{location.name}: {METADATA}, for --keys", "no such file", "leave --keys out")
        folders = [location.relative(path) for path in location.folders()]
        layout = lay_out(location.name, _inside(images, split), _inside(folders, split))
        notes += other_files([path for path in _inside(paths, split) if posixpath.basename(path) != METADATA])
    return replace(layout, files=[split + path for path in layout.files], notes=(*notes, *layout.notes))


def _metadata(location: Location, paths: dict[str, str], folder: str, options: ReadOptions) -> Layout | None:
    """What the table of a folder says, if there is one with labels."""
    table = folder + METADATA
    if table not in paths:
        return None
    images = set(filter(is_image, _inside(paths, folder)))
    with location.open(paths[table]) as file:
        return read_metadata(f"{location.name}: {table}", file, images, options.keys)


def _inside(paths: Iterable[str], folder: str) -> list[str]:
    return [path.removeprefix(folder) for path in paths if path.startswith(folder)]
