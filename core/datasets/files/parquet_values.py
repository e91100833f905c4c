"""Values of Parquet columns as NumPy arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from core.datasets.files.damage import MAX_LABELS
from core.errors import DataError


def pixels_of(name: str, column: pa.Array) -> NDArray[Any]:
    """Nested lists or tensors of one shape as one array.

    Args:
        name: of the column, for messages.
        column: (n,), lists nested two or three deep, or tensors of a fixed shape.

    Returns:
        (n, H, W) or (n, H, W, C).

    Raises:
        DataError: a value is missing, or the shapes differ.

    >>> pixels_of("image", pa.array([[[1, 2], [3, 4]]])).tolist()
    [[[1, 2], [3, 4]]]
    """
    if isinstance(column.type, pa.FixedShapeTensorType):
        _refuse_null(name, column)
        found: NDArray[Any] = column.to_numpy_ndarray()
        return found
    shape: list[int] = [len(column)]
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    while pa.types.is_nested(column.type):
        _refuse_null(name, column)
        lengths = pc.unique(pc.list_value_length(column)).to_pylist()
        if len(lengths) != 1:
            raise DataError(
                f"{name}: images of one size",
                f"lists of {min(lengths, default=0)} to {max(lengths, default=0)} values",
                "make them the same size",
            )
        shape.append(int(lengths[0]))
        column = column.flatten()
    _refuse_null(name, column)
    if math.prod(shape) != len(column):
        raise DataError(f"{name}: {math.prod(shape)} values", f"{len(column)}", "the file is damaged; write it again")
    found = column.to_numpy(zero_copy_only=False)
    return found.reshape(shape)


def labels_of(name: str, column: pa.ChunkedArray) -> NDArray[Any]:
    """Numbers, strings or lists of numbers of one length, one per row.

    Args:
        name: of the column, for messages.
        column: (n,).

    Raises:
        DataError: a label is missing or of another type.

    >>> labels_of("label", pa.chunked_array([["cat", "dog"]])).tolist()
    ['cat', 'dog']
    """
    _refuse_null(name, column)
    kind = column.type
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _text_of(name, column)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        rows = column.to_pylist()
        if len({len(row) for row in rows}) != 1:
            raise DataError(f"{name}: labels of one length", "lists of several lengths", "store class numbers")
        return np.array(rows)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        found: NDArray[Any] = column.to_numpy()
        return found
    raise DataError(f"{name}: labels that are numbers or strings", f"type {kind}", "store class numbers")


def _text_of(name: str, column: pa.ChunkedArray) -> NDArray[Any]:
    column = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    kind = column.type.value_type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return labels_of(name, column.cast(kind))
    longest = max((len(value) for chunk in column.chunks for value in chunk.dictionary.to_pylist()), default=0)
    if 4 * longest * len(column) > MAX_LABELS:
        raise DataError(
            f"{name}: labels of at most {MAX_LABELS >> 20} MB",
            f"{len(column):,} labels of up to {longest:,} characters",
            "name another column with --keys IMAGES,LABELS",
        )
    return np.array(column.cast(kind).to_pylist(), dtype=np.str_)


def _refuse_null(name: str, column: Any) -> None:
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0]) if len(column) else 0
        raise DataError(f"{name}: a value in each row", f"none in row {row}", "remove the rows without values")
