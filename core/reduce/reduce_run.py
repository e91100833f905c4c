"""Assembles the result from the finished shards: concatenation, index map, ledger, statistics, audit.

It is idempotent, and streams: it holds one group of shards at a time, with a bounded number of pixels and rows.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.errors import IncompleteError, IntegrityError
from core.image.digest import images_digest
from core.image.pixels import Images
from core.reduce import audit
from core.reduce.finished_shards import FinishedShards, groups
from core.reduce.history import history_of
from core.reduce.index_builder import IndexBuilder
from core.reduce.statistics import Statistics
from core.run.index_map import NO_LABEL
from core.run.layout import INDEX_MAP, LEDGER
from core.run.manifest import Manifest
from core.run.records import FinishedShard
from core.run.report import Report
from core.run.run_store import RunStore
from core.shard.attack_shard import ClassifierOf
from core.shard.ledger import schema

_ROW_GROUP = 65536
_PIXELS = 16 << 20  # of the shards that are read together
_DIGEST = r"\A[0-9a-f]{64}\z"


def reduce_run(run: RunStore, classifier_of: ClassifierOf) -> Report:
    """Assemble the result from the finished shards, and write the report last.

    Unless every shard is finished, ``attack_data.npy`` and the index map are not written, and the report is incomplete.

    Args:
        run: the run.
        classifier_of: returns its model, for the audit.

    Raises:
        IntegrityError: a shard's artifacts do not match its record. The record is removed, so the shard is attacked
            again.
    """
    began = time.perf_counter()
    manifest = run.manifest()
    parts = _parts(run, manifest)
    if not len(parts):
        raise IncompleteError("no shard of this run was finished")
    missing = parts.missing()
    statistics, index = run.results.write(LEDGER, partial(_gather, run, manifest, parts))
    totals = statistics.totals()
    checks = [
        audit.check_inputs(run, manifest),
        audit.check_coverage(totals["n_images"], manifest.data.count, in_order=not missing),
        audit.check_epsilon(manifest, statistics.by_attack()),
        audit.check_machines(parts.fingerprints),
    ]
    digest = None
    with closing(index):
        duplicates = index.duplicates()
        if not missing:
            run.results.write_attack_data(manifest.data, partial(_images, run, manifest, parts))
            run.results.write(INDEX_MAP, index.save)
    if not missing:
        attack_data, digest = audit.check_attack_data(run, manifest, parts)
        checks.append(attack_data)
        checks.append(audit.check_sample(run, manifest, classifier_of(run, manifest)))
    errors = {index: error for index, error in run.quarantine.errors().items() if index in missing}
    report = Report(
        run_id=manifest.run_id,
        complete=not missing,
        **totals,
        duplicate_count=duplicates,
        classes=statistics.by_class(manifest.data.class_names),
        attacks=statistics.by_attack(),
        missing_shards=missing,
        quarantined_shards=sorted(errors),
        errors=errors,
        attack_data_sha256=digest,
        audit=checks,
        timing={
            "shards_seconds": parts.seconds,
            "shards_cpu_seconds": parts.cpu_seconds,
            "reduce_seconds": time.perf_counter() - began,
        },
        history=history_of(run),
        gates=statistics.gates(manifest.model.classes, manifest.data.class_names),
        notes=list(manifest.data.notes),
        precision=manifest.config.precision,
        broken_images=list(manifest.data.broken),
    )
    run.results.write_report(report)
    return report


def _parts(run: RunStore, manifest: Manifest) -> FinishedShards:
    parts, wrong = FinishedShards(manifest), {}
    for records, damaged in run.shards.all_records(run.shards.finished()):
        for part, record in records.items():
            if record.shard != manifest.slice_of(part):
                damaged[part] = IntegrityError(f"{record.shard.range}: its record is about other images")
            else:
                parts.add(record)
        wrong.update(damaged)
    for part in wrong:
        run.shards.forget(part)
    if wrong:
        raise next(iter(wrong.values()))
    return parts


def _gather(
    run: RunStore, manifest: Manifest, parts: FinishedShards, file: IO[bytes]
) -> tuple[Statistics, IndexBuilder]:
    """Write the ledger, and take from its rows what the statistics and the index map need."""
    statistics, index = Statistics(), IndexBuilder()
    pending: list[pa.Table] = []

    def flush() -> None:
        rows = pa.concat_tables(pending)
        pending.clear()
        writer.write_table(rows)
        statistics.add(rows)
        columns = (
            rows.column("index"),
            rows.column("label").fill_null(NO_LABEL),
            rows.column("adversarial_prediction"),
        )
        index.add(_digests(rows), *(column.to_numpy() for column in columns))

    try:
        with pq.ParquetWriter(file, schema()) as writer:
            for group in groups(parts, _ROW_GROUP):
                pending += checked_rows(run, manifest, group)
                if sum(map(len, pending)) >= _ROW_GROUP:
                    flush()
            if pending:
                flush()
    except BaseException:
        index.close()
        raise
    return statistics, index


def _digests(rows: pa.Table) -> NDArray[np.uint8]:
    """The digests (n, 32) of rows that were checked."""
    return np.frombuffer(bytes.fromhex("".join(rows.column("digest").to_pylist())), np.uint8).reshape(-1, 32)


def checked_rows(run: RunStore, manifest: Manifest, group: list[FinishedShard]) -> list[pa.Table]:
    """The rows of shards without a gap, each verified against its record and the inputs."""
    tables = []
    for part, rows in zip(group, run.shards.rows_of(group), strict=True):
        with _forgotten(run, part):
            if isinstance(rows, IntegrityError):
                raise rows
            _check(rows, part, labelled=manifest.data.labels is not None)
        tables.append(rows)
    first = group[0].shard.start
    labels = run.inputs.labels(manifest.data, first, group[-1].shard.stop)
    if labels is None:
        return tables
    for part, rows in zip(group, tables, strict=True):
        shard = part.shard
        with _forgotten(run, part):
            if not np.array_equal(rows.column("label").to_numpy(), labels[shard.start - first : shard.stop - first]):
                raise IntegrityError(f"{shard.range}: its labels are not those of the inputs")
    return tables


def _check(rows: pa.Table, part: FinishedShard, *, labelled: bool) -> None:
    """Raise IntegrityError for rows that cannot be the shard's; every label is null, or none is."""
    shard = part.shard
    if not rows.schema.equals(schema()):
        raise IntegrityError(f"{shard.range}: its rows have other columns than the ledger")
    nulls = {name: rows.column(name).null_count for name in rows.schema.names}
    if nulls.pop("label") != (0 if labelled else len(rows)) or any(nulls.values()):
        raise IntegrityError(f"{shard.range}: its rows lack values, or have labels that the set lacks")
    if not pc.all(pc.match_substring_regex(rows.column("digest"), _DIGEST)).as_py():
        raise IntegrityError(f"{shard.range}: its rows have digests that are none")
    if not np.array_equal(rows.column("index").to_numpy(), np.arange(shard.start, shard.stop)):
        raise IntegrityError(f"{shard.range}: its rows are about other images")


def _images(run: RunStore, manifest: Manifest, parts: FinishedShards) -> Iterator[Images]:
    """The shards' images, each checked against its record."""
    for group in groups(parts, _PIXELS // math.prod(manifest.data.image_shape)):
        found = run.shards.images_of(manifest.data, [part.shard for part in group])
        for part, images in zip(group, found, strict=True):
            with _forgotten(run, part):
                if isinstance(images, IntegrityError):
                    raise images
                if images_digest(images) != part.images_sha256:
                    raise IntegrityError(f"{part.shard.range}: its images are not those of its record")
            yield images


@contextmanager
def _forgotten(run: RunStore, part: FinishedShard) -> Iterator[None]:
    """A shard that turns out to be damaged loses its record, so that it is made again."""
    try:
        yield
    except IntegrityError:
        run.shards.forget(part.shard.range)
        raise
