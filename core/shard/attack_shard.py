"""Attacks a shard range: from its slice of the inputs to its record."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import numpy as np

from core.errors import IntegrityError
from core.image.digest import digests, images_digest
from core.models.inference.classifier import Classifier
from core.run.manifest import Manifest
from core.run.records import Fingerprint, ShardRecord
from core.run.run_store import RunStore
from core.run.work_unit import ShardRange, single
from core.runtime.fingerprint import processor, versions
from core.shard import ledger
from core.shard.cascade import run_stages, stages_of
from core.shard.examples import examples_of
from core.shard.ledger import NO_TARGET
from core.shard.run_assets import assets_of
from core.shard.run_model import precision_here

ClassifierOf = Callable[[RunStore, Manifest], Classifier]


def run_shard(run: RunStore, shards: ShardRange, classifier_of: ClassifierOf, worker: str) -> ShardRecord:
    """Attack a shard range and publish the result. A range that is already finished is left unchanged.

    The metrics are measured on the adversarial images as they are read back from the store.

    Args:
        run: the run.
        shards: the range.
        classifier_of: returns the run's model.
        worker: name for the record.

    Returns:
        The record.
    """
    known = finished_record(run, shards)
    if known is not None:
        return known
    began, cpu_began = time.perf_counter(), time.process_time()
    manifest = run.manifest()
    config, shard = manifest.config, manifest.slice_of(shards)
    classifier = classifier_of(run, manifest)

    stored = run.inputs.images(manifest.data, shard.start, shard.stop)
    labels = run.inputs.labels(manifest.data, shard.start, shard.stop)
    indices = np.arange(shard.start, shard.stop, dtype=np.int64)
    examples, clean_predictions = examples_of(config, classifier, stored, labels, indices)
    stages = stages_of(config, partial(assets_of, run))
    outcome = run_stages(stages, classifier, examples, clean_predictions)

    late = finished_record(run, shards)
    if late is not None:
        return late  # another worker was faster
    run.shards.write_images(shards, outcome.images)
    written = run.shards.images(manifest.data, shard)
    measured = ledger.measure(classifier, examples.images, written, config.bounds, clean_predictions)
    aimed_at = examples.labels if examples.targeted else np.full(shard.count, NO_TARGET)
    numbers = np.repeat(list(shards), [manifest.slice_of(single(index)).count for index in shards])
    table = ledger.rows(measured, outcome, indices, labels, aimed_at, digests(stored, config.bounds), numbers)
    content = run.shards.write_rows(shards, table)
    if images_digest(written) != images_digest(outcome.images):
        raise IntegrityError(f"{shard.range}: the store gave back other images than were written")
    record = ShardRecord(
        shard=shard,
        images_sha256=images_digest(written),
        rows_sha256=hashlib.sha256(content).hexdigest(),
        successes=int(np.sum(measured.adversarial_prediction != measured.clean_prediction)),
        fallbacks=sum(reason != "" for reason in outcome.reason),
        fingerprint=Fingerprint(
            versions=versions(),
            processor=processor(),
            batch_size=classifier.batch_size,
            precision=precision_here(config.precision),
        ),
        worker=worker,
        seconds=time.perf_counter() - began,
        cpu_seconds=time.process_time() - cpu_began,
    )
    run.shards.write_record(record)
    return record


def finished_record(run: RunStore, shards: ShardRange) -> ShardRecord | None:
    """The record of these shards, or of the range that one task takes them in; None if they are not finished.

    A record that cannot be read counts as missing: the shards are attacked again.
    """
    for each in dict.fromkeys((shards, run.manifest().range_of(shards.first))):
        with suppress(IntegrityError):
            if (record := run.shards.record(each)) is not None:
                return record
    return None
