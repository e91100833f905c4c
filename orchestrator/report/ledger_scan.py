"""Reads what the page needs from a ledger of any length, row group by row group, keeping only a few rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.run.index_map import NO_LABEL
from orchestrator.report.gallery import OTHERS, SUCCESSES, classes_of

COLUMNS = (
    "index",
    "label",
    "clean_prediction",
    "adversarial_prediction",
    "success",
    "attack",
    "fallback_reason",
    "steps",
    "ssim",
    "ssim_full",
    "linf",
)
_BINS = 40


@dataclass(frozen=True)
class Histogram:
    """The number of images per SSIM interval: of all images, of the successes, and by ``ssim_full``."""

    edges: NDArray[np.float64]
    all_images: NDArray[np.int64]
    successes: NDArray[np.int64]
    all_images_full: NDArray[np.int64]


def candidates(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    """The rows that the gallery chooses from, by column: the first ones of each kind. A null label is NO_LABEL."""
    seen: Counter[int | str] = Counter()
    groups = (_without_nulls(rows) for rows in _groups(file, COLUMNS))
    found = [rows.take(_first_ones(rows, seen)) for rows in groups]
    kept = pa.concat_tables(found)
    return {name: kept.column(name).to_numpy() for name in COLUMNS}


def histogram(file: IO[bytes]) -> Histogram | None:
    """The histogram of both SSIMs, from the lowest value to 1; None if SSIM is not defined."""
    # NaN stays NaN.
    lowest = np.min(
        [column.to_numpy().min() for rows in _groups(file, ("ssim", "ssim_full")) for column in rows.columns]
    )
    if np.isnan(lowest):
        return None
    edges = np.linspace(float(lowest), 1, _BINS + 1)
    counts = np.zeros((3, _BINS), np.int64)
    names = ("ssim", "ssim_full", "success")
    for rows in _groups(file, names):
        ssim, full, success = (rows.column(name).to_numpy() for name in names)
        counts += [np.histogram(values, edges)[0] for values in (ssim, ssim[success], full)]
    return Histogram(edges, *counts)


def _without_nulls(rows: pa.Table) -> pa.Table:
    place = rows.schema.get_field_index("label")
    return rows.set_column(place, "label", rows.column(place).fill_null(NO_LABEL))


def _first_ones(rows: pa.Table, seen: Counter[int | str]) -> NDArray[np.int64]:
    """The rows among the first of their kind: successes of each class, failures, fallbacks."""
    success = rows.column("success").to_numpy()
    classes = classes_of(rows.column("label").to_numpy(), rows.column("clean_prediction").to_numpy())
    kinds: list[tuple[int | str, NDArray[np.bool_], int]] = [
        ("failure", ~success, OTHERS),
        ("fallback", pc.not_equal(rows.column("fallback_reason"), "").to_numpy(), OTHERS),
        *((int(each), success & (classes == each), SUCCESSES) for each in np.unique(classes[success])),
    ]
    chosen = []
    for kind, of_kind, most in kinds:
        first = np.flatnonzero(of_kind)[: most - seen[kind]]
        seen[kind] += len(first)
        chosen.append(first)
    return np.unique(np.concatenate(chosen))


def _groups(file: IO[bytes], columns: tuple[str, ...]) -> Iterator[pa.Table]:
    file.seek(0)
    ledger = pq.ParquetFile(file)
    for group in range(ledger.num_row_groups):
        yield ledger.read_row_group(group, list(columns), use_threads=False)
