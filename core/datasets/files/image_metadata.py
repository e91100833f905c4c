"""Reads ``metadata.csv``, which names a folder's images and their labels, as Hugging Face's ``imagefolder`` does."""

from __future__ import annotations

import csv
import io
import posixpath
import re
from collections.abc import Collection, Sequence
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from core.datasets.files.folder_layout import Layout
from core.errors import DataError

METADATA = "metadata.csv"
_NUMBER = re.compile(r"-?[0-9]{1,18}")
_LINE = 1 << 20  # characters
_LABELS = ("label", "labels")
_ADVICE = "correct the file, or remove it to read the folders alone"


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
    class_of: dict[str, str] = {}
    try:
        with io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
            # A line is read in chunks, since an archive may unpack to one of any length.
            lines = csv.reader(iter(lambda: text.readline(_LINE), ""), strict=True)
            columns = next(lines, [])
            chosen = _chosen(name, columns, keys)
            found = _read(name, lines, columns, chosen, class_of, images) if chosen else {}
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{name}: a CSV table in UTF-8", str(error), _ADVICE) from None
    if not chosen:
        return None
    if not found:
        raise DataError(f"{name}: a row for each image", "no rows", _ADVICE)
    notes = [f"images and labels were read from {METADATA}"]
    if len(found) < len(images):
        notes.append(f"image files that {METADATA} does not name were left out ({len(images) - len(found):,})")
    labels = _numbers_or_names(name, list(found.values())) if len(chosen) > 1 else None
    return Layout(list(found), labels, _class_names(labels, class_of), tuple(notes))


def _chosen(name: str, columns: Sequence[str], keys: Sequence[str]) -> list[str]:
    """The columns of paths and, if there is one, labels; empty if the table has no labels and none were asked for."""
    labels = [keys[1]] if len(keys) > 1 else [each for each in _LABELS if each in columns and not keys][:1]
    chosen = [keys[0] if keys else "file_name", *labels]
    for column in chosen:
        if columns.count(column) != 1:
            raise DataError(f"{name}: a column {column!r}", ", ".join(columns)[:200] or "no columns", _ADVICE)
    return chosen if labels or keys else []


def _read(
    name: str, lines: Any, columns: list[str], chosen: list[str], class_of: dict[str, str], images: Collection[str]
) -> dict[str, str]:
    """The label of each image, or an empty string; fills in the names of the labels' classes."""
    found: dict[str, str] = {}
    for row in lines:
        if not row:
            continue
        if len(row) != len(columns):
            got = f"{len(row)} in line {lines.line_num}"
            raise DataError(f"{name}: {len(columns)} values in each row", got, _ADVICE)
        values = dict(zip(columns, row, strict=True))
        path = posixpath.normpath(values[chosen[0]])
        if path not in images or path in found:
            got = f"{path!r} {'again ' if path in found else ''}in line {lines.line_num}"
            raise DataError(f"{name}: image files of this folder, each once", got[-500:], _ADVICE)
        found[path] = values[chosen[1]] if len(chosen) > 1 else ""
        class_of.setdefault(found[path], values.get("class_name", ""))
    return found


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
