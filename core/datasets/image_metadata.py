"""Reads ``metadata.csv``, which names a folder's images and their labels, as Hugging Face's ``imagefolder`` does."""

from __future__ import annotations

import csv
import io
import posixpath
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from core.datasets.folder_layout import Layout
from core.errors import DataError

METADATA = "metadata.csv"
_NUMBER = re.compile(r"-?[0-9]{1,18}")
_LABELS = ("label", "labels")
_ADVICE = "correct the file, or remove it to read the folders alone"


@dataclass
class _Table:
    paths: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    class_of: dict[str, str] = field(default_factory=dict)  # the name of each label


def read_metadata(name: str, file: IO[bytes], images: Collection[str], keys: Sequence[str] = ()) -> Layout | None:
    """Read the images and labels that a table names.

    Args:
        name: of the file, for messages.
        file: a CSV table with a row of column names.
        images: the paths of the folder's images, relative to the table.
        keys: the columns of paths and labels; by default ``file_name`` and ``label`` or ``labels``.

    Returns:
        The images in the table's order; None if no column has labels and none was asked for.

    Raises:
        DataError: it isn't such a table, or it names files that aren't there.
    """
    try:
        with io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
            table = _read(name, csv.reader(text, strict=True), keys)
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{name}: a CSV table in UTF-8", str(error), _ADVICE) from None
    if table is None:
        return None
    files = [posixpath.normpath(path) for path in table.paths]
    missing = [path for path in files if path not in images]
    if missing or not files:
        got = f"{len(missing):,} that aren't there, such as {missing[0]!r}" if missing else "no rows"
        raise DataError(f"{name}: image files of this folder", got, _ADVICE)
    notes = [f"images and labels were read from {METADATA}"]
    if len(set(files)) < len(images):
        notes.append(f"image files that {METADATA} does not name were left out ({len(images) - len(set(files)):,})")
    labels = _numbers_or_names(name, table.labels) if table.labels else None
    return Layout(files, labels, _class_names(labels, table.class_of), tuple(notes))


def _read(name: str, lines: Any, keys: Sequence[str]) -> _Table | None:
    columns: list[str] = next(lines, [])
    labels = [keys[1]] if len(keys) > 1 else [each for each in _LABELS if each in columns and not keys][:1]
    wanted = [keys[0] if keys else "file_name", *labels]
    for column in wanted:
        if columns.count(column) != 1:
            raise DataError(f"{name}: a column {column!r}", ", ".join(columns)[:200] or "no columns", _ADVICE)
    if not labels and not keys:
        return None
    table = _Table()
    for row in lines:
        if len(row) not in (0, len(columns)):
            got = f"{len(row)} in line {lines.line_num}"
            raise DataError(f"{name}: {len(columns)} values in each row", got, _ADVICE)
        values = dict(zip(columns, row, strict=False))
        if values:
            table.paths.append(values[wanted[0]])
        if values and labels:
            table.labels.append(values[labels[0]])
            table.class_of.setdefault(values[labels[0]], values.get("class_name", ""))
    return table


def _numbers_or_names(name: str, values: list[str]) -> NDArray[np.int64] | NDArray[np.str_] | None:
    empty = values.count("")
    if empty == len(values):
        return None
    if empty:
        raise DataError(f"{name}: a label in each row, or in none", f"{empty:,} rows without", _ADVICE)
    if all(_NUMBER.fullmatch(value) for value in values):
        return np.array(values).astype(np.int64)
    return np.array(values)


def _class_names(labels: NDArray[np.int64] | NDArray[np.str_] | None, class_of: dict[str, str]) -> tuple[str, ...]:
    """The names of the numbers 0, 1, ..., if the table has one for each."""
    if labels is None or labels.dtype.kind != "i":
        return ()
    names = [class_of.get(str(number), "") for number in range(len(class_of))]
    return tuple(names) if all(names) and len(set(names)) == len(names) else ()
