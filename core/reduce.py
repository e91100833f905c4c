"""From the shards to the result: concatenation, index maps, ledger, figures, audit.

Idempotent, and streaming: it holds one shard's images at a time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from functools import partial
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core import audit
from core.contracts import Manifest, Report, ShardRecord
from core.errors import IncompleteError, IntegrityError
from core.figures import Figures
from core.index import IndexMap
from core.ledger import schema
from core.pixels import Images
from core.shard import ClassifierOf, images_digest
from core.store import INDEX_MAP, LEDGER, RunStore

_ROW_GROUP = 65536
_DIGEST = re.compile(r"[0-9a-f]{64}")


def reduce_run(run: RunStore, classifier_of: ClassifierOf) -> Report:
    """Put the finished shards together and write the report, last of all.

    A shard whose artifacts are not what its record says loses its record, so that it is made again,
    and IntegrityError is raised. Without every shard there is no ``attack_data.npy`` and no index
    map, and the report says that the run is not complete.
    """
    began = time.perf_counter()
    manifest = run.manifest()
    records = _records(run, manifest)
    if not records:
        raise IncompleteError("no shard of this run was finished")
    present = {record.shard.index for record in records}
    missing = [index for index in range(manifest.shards) if index not in present]
    figures, index = run.write_result(LEDGER, partial(_gather, run, manifest, records))
    totals = figures.totals()
    checks = [
        audit.check_inputs(run, manifest),
        audit.check_coverage(totals["n_images"], manifest.data.count, not missing),
        audit.check_epsilon(manifest, totals["linf_max"]),
        audit.check_machines([record.fingerprint for record in records]),
    ]
    digest = None
    if not missing:
        run.write_attack_data(manifest.data, partial(_images, run, manifest, records))
        run.write_result(INDEX_MAP, index.save)
        attack_data, digest = audit.check_attack_data(run, manifest, records)
        checks.append(attack_data)
        ledger = pq.read_table(pa.BufferReader(run.result_bytes(LEDGER)))
        checks.append(audit.check_sample(run, manifest, classifier_of(run, manifest), ledger))
    errors = {index: error for index, error in run.quarantined().items() if index in missing}
    report = Report(
        run_id=manifest.run_id,
        complete=not missing,
        **totals,
        duplicate_count=index.duplicates,
        classes=figures.by_class(manifest.data.class_names),
        missing_shards=missing,
        quarantined_shards=sorted(errors),
        errors=errors,
        executions=run.executions(),
        attack_data_sha256=digest,
        audit=checks,
        timing={
            "shards_seconds": sum(record.seconds for record in records),
            "shards_cpu_seconds": sum(record.cpu_seconds for record in records),
            "reduce_seconds": time.perf_counter() - began,
        },
    )
    run.write_report(report)
    return report


def _records(run: RunStore, manifest: Manifest) -> list[ShardRecord]:
    found, damaged = run.records(run.done())
    for index, record in found.items():
        if index >= manifest.shards or record.shard != manifest.shard(index):
            damaged[index] = IntegrityError(f"shard {index}: its record is about other images")
    for index in damaged:
        run.forget_shard(index)
    if damaged:
        raise damaged[min(damaged)]
    return [found[index] for index in sorted(found)]


def _gather(run: RunStore, manifest: Manifest, records: list[ShardRecord], file: IO[bytes]) -> tuple[Figures, IndexMap]:
    """Write the ledger, and take from its rows what the figures and the index map need."""
    figures, digests, labels = Figures(), [], []
    pending: list[pa.Table] = []
    with pq.ParquetWriter(file, schema()) as writer:
        for record in records:
            rows = _rows(run, manifest, record)
            figures.add(rows)
            digests += [bytes.fromhex(text) for text in rows.column("digest").to_pylist()]
            labels.append(rows.column("label").to_numpy())
            pending.append(rows)
            if sum(map(len, pending)) >= _ROW_GROUP:
                writer.write_table(pa.concat_tables(pending))
                pending = []
        if pending:
            writer.write_table(pa.concat_tables(pending))
    return figures, IndexMap.build(digests, np.concatenate(labels))


def _rows(run: RunStore, manifest: Manifest, record: ShardRecord) -> pa.Table:
    """A shard's rows, checked against its record and the inputs."""
    shard = record.shard
    try:
        rows = run.shard_rows(record)
        if not rows.schema.equals(schema()) or any(column.null_count for column in rows.columns):
            raise IntegrityError(f"shard {shard.index}: its rows have other columns than the ledger")
        if not all(_DIGEST.fullmatch(text) for text in rows.column("digest").to_pylist()):
            raise IntegrityError(f"shard {shard.index}: its rows have digests that are none")
        if not np.array_equal(rows.column("index").to_numpy(), np.arange(shard.start, shard.stop)):
            raise IntegrityError(f"shard {shard.index}: its rows are about other images")
        if not np.array_equal(rows.column("label").to_numpy(), run.labels(manifest.data, shard.start, shard.stop)):
            raise IntegrityError(f"shard {shard.index}: its labels are not those of the inputs")
    except IntegrityError:
        run.forget_shard(shard.index)
        raise
    return rows


def _images(run: RunStore, manifest: Manifest, records: list[ShardRecord]) -> Iterator[Images]:
    """The shards' images, each checked against its record."""
    for record in records:
        index = record.shard.index
        try:
            images = run.shard_images(manifest.data, record.shard)
            if images_digest(images) != record.images_sha256:
                raise IntegrityError(f"shard {index}: its images are not those of its record")
        except IntegrityError:
            run.forget_shard(index)
            raise
        yield images
