"""The footer of Parquet files: the numbers that pyarrow reads from it."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.datasets.files.parquet_footer import read_row_groups
from tests.sources import damaged

TABLE = pa.table(
    {
        "image": [{"bytes": bytes(row), "path": f"{row}.png"} for row in range(50)],
        "a.b": pa.array([[row] * row for row in range(50)], pa.list_(pa.float64())),
        "label": np.arange(50) % 3,
    }
)


def written(**options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(TABLE, file, row_group_size=20, **options)
    return file.getvalue()


@pytest.mark.parametrize("options", [{}, {"version": "1.0", "compression": "gzip"}, {"write_page_index": True}])
def test_the_numbers_are_those_of_pyarrow(options: dict[str, Any]) -> None:
    content = written(**options)
    groups = read_row_groups(io.BytesIO(content))
    expected = pq.ParquetFile(io.BytesIO(content)).metadata
    assert [group.rows for group in groups] == [20, 20, 10]
    for index, group in enumerate(groups):
        columns = [expected.row_group(index).column(i) for i in range(expected.num_columns)]
        assert [(chunk.values, chunk.unpacked, chunk.packed) for chunk in group.chunks] == [
            (column.num_values, column.total_uncompressed_size, column.total_compressed_size) for column in columns
        ]
        assert [chunk.column for chunk in group.chunks] == ["image", "image", "a.b", "label"]


def test_many_row_groups() -> None:
    file = io.BytesIO()
    pq.write_table(TABLE, file, row_group_size=1)
    assert [group.rows for group in read_row_groups(file)] == [1] * 50


def test_a_damaged_footer_ends_in_an_exception_and_not_in_a_loop() -> None:
    refused = 0
    for content in damaged(written(), count=300):
        try:
            read_row_groups(io.BytesIO(content))
        except Exception:  # noqa: BLE001 - of any type
            refused += 1
    assert refused > 50
