"""The format ``parquet``: image files or pixels in a column, as Hugging Face's ``datasets`` writes them."""

from __future__ import annotations

import io
import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.datasets.files.array_names import choose_split, split_of
from core.datasets.files.damage import check_unpacked, printable, readable
from core.datasets.files.image_decoder import Encoded, ImageDecoder
from core.datasets.files.parquet_columns import Columns, choose_columns
from core.datasets.files.parquet_footer import RowGroup, read_row_groups
from core.datasets.files.parquet_values import labels_of, pixels_of
from core.datasets.location import Location
from core.datasets.source import PIECE_BYTES, Piece, ReadOptions, Source
from core.errors import DataError
from core.registry import READERS

_SUFFIXES = (".parquet", ".pq")
_KIND = "a Parquet file"
_BUFFER = 1 << 20  # bytes read at a time, instead of a whole column of a row group
_BATCH = 32  # rows of image files that are unpacked at a time, at most
_LOOK_GROUPS, _LOOK_ROWS = 16, 64  # row groups, and rows in each, by which grey or colour is chosen
_SHARD = re.compile(r"(?P<split>.+?)-\d{5}-of-\d{5}(-[0-9a-f]+)?$")


@READERS.register("parquet")
class ParquetReader:
    """One or several Parquet files, or a folder of them, with splits in the names of files or folders."""

    @staticmethod
    def accepts(location: Location) -> bool:
        """Whether the files, or any in the folder, end in ``.parquet`` or ``.pq``."""
        if location.is_folder:
            return any(path.lower().endswith(_SUFFIXES) for path in location.files())
        return location.suffix in _SUFFIXES

    @staticmethod
    def open(location: Location, options: ReadOptions) -> Source:
        """See Reader."""
        paths, notes = _paths(location, options.split)
        return ParquetSource(location, paths, options, notes)


@dataclass(frozen=True)
class _Part:
    """A file: for each of its row groups the number of rows, and how many of them are read at a time."""

    path: str
    groups: list[int]
    batches: list[int]


class ParquetSource:
    """The rows of one or several Parquet files.

    Args:
        location: where they are, for opening.
        paths: the files, in order.
        options: how to read them.
        notes: how the files were chosen.

    Raises:
        DataError: a file can't be read, lacks the columns or has others than the first.
    """

    def __init__(self, location: Location, paths: list[str], options: ReadOptions, notes: list[str]) -> None:
        self.name, self.notes = location.name, notes
        self._decoder = ImageDecoder(location.name, options)
        self.broken = self._decoder.broken
        self._location, self._options = location, options
        self._columns, self._parts = self._look(paths)
        self.notes += self._columns.notes
        self.class_names = self._columns.class_names
        self._starts = [0, *accumulate(sum(part.groups) for part in self._parts)]
        self.count = self._starts[-1]
        if not self.count:
            raise DataError(f"{self.name}: at least one image", "no rows", "check the file")
        self._labels = self._read_labels()
        self._own_notes, self._looked = len(self.notes), False

    def labels(self) -> NDArray[Any] | None:
        """See Source."""
        return self._labels

    def pieces(self, rows: NDArray[np.int64]) -> Iterator[Piece]:
        """See Source."""
        yield from self._decoded(rows) if self._columns.encoded else self._pixels(rows)

    def _look(self, paths: list[str]) -> tuple[Columns, list[_Part]]:
        chosen, parts = [], []
        for path in paths:
            with readable(path, _KIND), self._location.open(path) as raw:
                groups = read_row_groups(raw)
            with self._opened(path) as file:
                columns = choose_columns(self._location.relative(path), file.schema_arrow, self._options)
                chosen.append(columns)
                if columns != chosen[0]:
                    raise DataError(
                        f"{path}: columns and class names like those of {paths[0]}",
                        f"{columns.images!r} and {columns.labels!r}",
                        "read the files one by one, or name the columns with --keys",
                    )
                parts.append(_part(path, groups, columns))
        return chosen[0], parts

    def _read_labels(self) -> NDArray[Any] | None:
        name = self._columns.labels
        if name is None:
            return None
        found = []
        for part in self._parts:
            with self._opened(part.path, text=name if self._columns.text else None) as file:
                column = file.read(columns=[name]).column(name)
                found.append(labels_of(f"{self._location.relative(part.path)}: {printable(name)}", column))
        with readable(self.name, "labels of one type"):
            labels: NDArray[Any] = np.concatenate(found)
        if self.class_names and labels.dtype.kind == "i" and (labels == -1).all():
            self.notes.append(
                f"every {printable(name)} is -1, which stands for none; the images were read without labels"
            )
            return None
        return labels

    def _batches(self, rows: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], pa.Array]]:
        """The selected rows of the image column with their positions, one batch of a row group at a time."""
        name = self._columns.images
        for part, begin in zip(self._parts, self._starts, strict=False):
            if not len(_between(rows, begin, begin + sum(part.groups))):
                continue
            with self._opened(part.path) as file:
                ends = [begin + end for end in accumulate(part.groups)]
                for group, end in enumerate(ends):
                    start = end - part.groups[group]
                    if not len(_between(rows, start, end)):
                        continue
                    for found in file.iter_batches(part.batches[group], row_groups=[group], columns=[name]):
                        chosen = _between(rows, start, start + len(found))
                        if len(chosen):
                            yield chosen, found.column(0).take(pa.array(chosen - start))
                        start += len(found)
                    if start != end:
                        raise DataError(f"{part.path}: {part.groups[group]} rows", "fewer", "the file is damaged")

    def _pixels(self, rows: NDArray[np.int64]) -> Iterator[Piece]:
        for chosen, column in self._batches(rows):
            with readable(self.name, _KIND):
                images = pixels_of(f"{self.name}: {printable(self._columns.images)}", column)
            yield Piece(chosen, images)

    def _decoded(self, rows: NDArray[np.int64]) -> Iterator[Piece]:
        if not self._looked:
            self._decoder.look(self._encoded(self._sample()))
            self._looked = True
        for piece in self._decoder.pieces(lambda: self._encoded(rows)):
            self.notes[self._own_notes :] = self._decoder.notes()
            yield piece

    def _encoded(self, rows: NDArray[np.int64]) -> Iterator[Encoded]:
        for chosen, column in self._batches(rows):
            with readable(self.name, _KIND):
                values = column.to_pylist()
            for row, value in zip(chosen.tolist(), values, strict=True):
                content, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, None)
                name = f"{self.name}: row {row}" + (f" ({printable(path)})" if path else "")
                if content is None and path:
                    raise DataError(
                        f"{name}: an image in the column {self._columns.images!r}",
                        "only the path of a file, which is not opened",
                        "write the set with datasets' to_parquet or push_to_hub, which include the files",
                    )
                yield Encoded(row, name, partial(io.BytesIO, content or b""))

    def _sample(self) -> NDArray[np.int64]:
        """Rows to choose the images' form by: the first ones of some row groups all over the set."""
        lengths = [length for part in self._parts for length in part.groups]
        starts = [0, *accumulate(lengths)][:-1]
        chosen = np.unique(np.linspace(0, len(lengths) - 1, _LOOK_GROUPS).astype(int)).tolist()
        return np.concatenate([np.arange(starts[i], starts[i] + min(lengths[i], _LOOK_ROWS)) for i in chosen])

    @contextmanager
    def _opened(self, path: str, text: str | None = None) -> Iterator[pq.ParquetFile]:
        """A file. text: a column of which each different string is kept once."""
        with (
            readable(path, _KIND),
            self._location.open(path) as raw,
            pq.ParquetFile(raw, buffer_size=_BUFFER, read_dictionary=[text] if text else None) as file,
        ):
            yield file


def _between(rows: NDArray[np.int64], start: int, stop: int) -> NDArray[np.int64]:
    """Those of the ascending rows in start..stop - 1."""
    first, last = np.searchsorted(rows, [start, stop])
    return rows[first:last]


def _part(path: str, groups: list[RowGroup], columns: Columns) -> _Part:
    """Look at the row groups of a file; raises DataError for a column that unpacks to far more than it holds."""
    batches = []
    for group in groups:
        size = values = 0
        for chunk in group.chunks:
            if chunk.column not in {columns.images, columns.labels}:
                continue
            # Repeated values may be stored in less than a byte each.
            check_unpacked(f"{path}: {printable(chunk.column)}", chunk.packed, max(chunk.unpacked, chunk.values))
            if chunk.column == columns.images:
                size, values = size + chunk.unpacked, values + chunk.values
        # A file that is stored once may be the image of all rows; a number has at most 8 bytes.
        most = 8 * PIECE_BYTES // max(1, size) if columns.encoded else PIECE_BYTES * group.rows // max(1, 8 * values)
        batches.append(max(1, min(most, _BATCH) if columns.encoded else most))
    return _Part(path, [group.rows for group in groups], batches)


def _paths(location: Location, wanted: str | None) -> tuple[list[str], list[str]]:
    """The files of the split to read, and notes on the choice."""
    paths = [path for path in location.files() if path.lower().endswith(_SUFFIXES)]
    splits: dict[str, list[str]] = {}
    for path in paths:
        splits.setdefault(_split(location, path, wanted), []).append(path)
    if len(paths) == 1 and wanted is None:
        return paths, []
    examples = {split: location.relative(found[0]) for split, found in splits.items()}
    split, notes = choose_split(location.name, examples, wanted)
    return splits[split], notes


def _split(location: Location, path: str, wanted: str | None) -> str:
    """The split of a file: ``test/0000.parquet``, ``data/test-00000-of-00002.parquet``, ``mnist-test.parquet``."""
    stem = posixpath.splitext(location.relative(path))[0]
    for part in reversed(stem.split("/")):
        split = split_of(part, wanted)
        if split:
            return split
    shard = _SHARD.match(posixpath.basename(stem))
    return shard["split"].lower() if shard else ""
