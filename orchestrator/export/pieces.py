"""Reads a finished run in pieces: rows of the ledger with their images, rounded to 8 bits."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.errors import IntegrityError
from core.image.digest import digests
from core.image.pixels import on_grid, to_uint8
from core.run.layout import ATTACK_DATA, LEDGER
from core.run.manifest import Manifest
from core.run.report import Report
from core.run.run_store import RunStore
from orchestrator.export.survival import Survival

_PIXELS = 4 << 20  # pixel values in a piece
_ROWS = 1000  # images in a piece
_LEDGER_ROWS = 1 << 16  # rows of the ledger in memory


@dataclass(frozen=True)
class FinishedRun:
    """A complete run, with the documents that describe it."""

    run: RunStore
    manifest: Manifest
    report: Report


@dataclass(frozen=True)
class Piece:
    """Neighbouring images of a run.

    Attributes:
        rows: n rows of the ledger.
        adversarial: (n, H, W, C), rounded to the nearest of 256 levels.
        original: (n, H, W, C), the clean images likewise; None if not asked for.
    """

    rows: pa.Table
    adversarial: NDArray[np.uint8]
    original: NDArray[np.uint8] | None


def pieces(finished: FinishedRun, survival: Survival, *, originals: bool) -> Iterator[Piece]:
    """Yield all images of a run in order, and check them against the digests that the run recorded.

    Args:
        finished: the run.
        survival: counts the images that were yielded.
        originals: whether to read the clean images too.

    Raises:
        IntegrityError: images or ledger are not those that the report is about.
    """
    run, data, bounds = finished.run, finished.manifest.data, finished.manifest.config.bounds
    step = max(1, min(_ROWS, _PIXELS // math.prod(data.image_shape)))
    content, start = hashlib.sha256(), 0
    for group in _ledger(run):
        for first in range(0, len(group), step):
            rows = group.slice(first, step)
            stop = start + len(rows)
            if not np.array_equal(rows.column("index").to_numpy(), np.arange(start, stop)):
                raise IntegrityError(f"{LEDGER}: rows {start} to {stop} are about other images")
            exact = run.results.attack_data(data, start, stop)
            content.update(exact.data)
            original = _original(finished, rows, survival) if originals else None
            yield Piece(rows, to_uint8(exact, bounds), original)
            survival.add(rows)
            start = stop
    if start != data.count:
        raise IntegrityError(f"{LEDGER}: {start} rows for {data.count} images")
    if content.hexdigest() != finished.report.attack_data_sha256:
        raise IntegrityError(f"{ATTACK_DATA}: other images than those of the report")


def _original(finished: FinishedRun, rows: pa.Table, survival: Survival) -> NDArray[np.uint8]:
    data, bounds = finished.manifest.data, finished.manifest.config.bounds
    start = int(rows.column("index")[0].as_py())
    clean = finished.run.inputs.images(data, start, start + len(rows))
    if [digest.hex() for digest in digests(clean, bounds)] != rows.column("digest").to_pylist():
        raise IntegrityError(f"inputs: images {start} to {start + len(rows)} are not those of the ledger")
    if clean.dtype == np.uint8:
        return clean
    survival.rounded_originals += int((~on_grid(clean, bounds)).sum())
    return to_uint8(clean, bounds)


def _ledger(run: RunStore) -> Iterator[pa.Table]:
    """The rows of the ledger, some row groups at a time."""

    def sizes(file: IO[bytes]) -> list[int]:
        metadata = pq.ParquetFile(file).metadata
        return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]

    def read(file: IO[bytes]) -> pa.Table:
        return pq.ParquetFile(file).read_row_groups(chosen, use_threads=False)

    chosen: list[int] = []
    rows = 0
    for group, size in enumerate(run.results.read(LEDGER, sizes)):
        if chosen and rows + size > _LEDGER_ROWS:
            yield run.results.read(LEDGER, read)
            chosen, rows = [], 0
        chosen.append(group)
        rows += size
    if chosen:
        yield run.results.read(LEDGER, read)
