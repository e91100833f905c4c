"""Finished runs as an export takes them, and what their images are as 8-bit pixels."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.run.layout import LEDGER
from core.run.run_store import RunStore
from orchestrator.export.pieces import FinishedRun
from tests.runs import finished

NAMES = ("T-shirt/top", "Ankle boot", "Bag")


def finished_run(tmp_path: Path, monkeypatch: Any, class_names: tuple[str, ...] = NAMES, **change: Any) -> FinishedRun:
    """A run of 30 images with named classes, some of whose successes don't survive rounding."""
    settings = {"params": {"epsilon": 0.6 / 255}, "fallback": None, "shards": 2, **change}
    run = finished(tmp_path, monkeypatch, **settings)
    manifest = run.manifest()
    data = manifest.data.model_copy(update={"class_names": class_names})
    run.write_manifest(manifest.model_copy(update={"data": data}))
    return opened(run)


def opened(run: RunStore) -> FinishedRun:
    """A run with its documents."""
    report = run.results.report()
    assert report is not None
    return FinishedRun(run, run.manifest(), report)


def without_labels(found: FinishedRun) -> FinishedRun:
    """The run as it would be for a set that has no labels."""
    manifest = found.manifest
    data = manifest.data.model_copy(update={"labels": None})
    rows = ledger(found)
    empty = pa.nulls(len(rows), pa.int64())
    rows = rows.set_column(rows.column_names.index("label"), rows.schema.field("label"), empty)
    found.run.results.write(LEDGER, lambda file: pq.write_table(rows, file))
    return FinishedRun(found.run, manifest.model_copy(update={"data": data}), found.report)


def ledger(found: FinishedRun) -> pa.Table:
    """The run's ledger."""
    return pq.read_table(io.BytesIO(found.run.results.content(LEDGER)))


def rounded(images: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """The nearest 8-bit levels, by another formula than the code under test: half a level more, then the floor."""
    return np.floor((images.astype(np.float64) - low) * (255 / (high - low)) + 0.5).astype(np.uint8)


def adversarial_levels(found: FinishedRun) -> NDArray[np.uint8]:
    """What the exported adversarial images have to be."""
    data = found.manifest.data
    return rounded(found.run.results.attack_data(data, 0, data.count), *found.manifest.config.bounds)
