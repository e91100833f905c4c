"""Checks of a result, made on the files as they stand in the store."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
import pyarrow as pa

from core.attacks.stages import stages_of
from core.contracts import AuditCheck, Fingerprint, Manifest, ShardRecord
from core.ledger import measure, metric_names
from core.models.classifier import Classifier
from core.npy import npy_header
from core.pixels import to_float
from core.store import RunStore

_SAMPLE = 256  # images measured a second time
_PIECE = 16 << 20  # pixel values read at a time


def check_attack_data(run: RunStore, manifest: Manifest, records: list[ShardRecord]) -> tuple[AuditCheck, str]:
    """Whether ``attack_data.npy``, read back, holds each shard's bytes; and the file's own SHA-256.

    Also the pixels' range, since they pass by.
    """
    low, high = (np.float32(bound) for bound in manifest.config.bounds)
    whole, wrong = hashlib.sha256(), []
    for record in records:
        rows = run.attack_data(manifest.data, record.shard.start, record.shard.stop)
        content = rows.tobytes()
        whole.update(content)
        if hashlib.sha256(content).hexdigest() != record.images_sha256:
            wrong.append(f"shard {record.shard.index}: other bytes than its record says")
        elif not (np.isfinite(rows).all() and rows.min() >= low and rows.max() <= high):
            wrong.append(f"shard {record.shard.index}: pixels that are not finite or outside the bounds")
    detail = "; ".join(wrong[:3]) or f"{len(records)} shards read back, all pixels finite and within {low:g}..{high:g}"
    return AuditCheck(name="attack data", passed=not wrong, detail=detail), whole.hexdigest()


def check_inputs(run: RunStore, manifest: Manifest) -> AuditCheck:
    """Whether images and labels are those that the run was planned with: workers read slices, unchecked."""
    data = manifest.data
    digests = {
        data.images: hashlib.sha256(npy_header((data.count, *data.image_shape), np.dtype(data.dtype))),
        data.labels: hashlib.sha256(npy_header((data.count,), np.dtype(np.int64))),
    }
    step = max(1, _PIECE // math.prod(data.image_shape))
    for start in range(0, data.count, step):
        stop = min(start + step, data.count)
        digests[data.images].update(run.images(data, start, stop).tobytes())
        digests[data.labels].update(run.labels(data, start, stop).tobytes())
    wrong = [blob.name for blob, digest in digests.items() if digest.hexdigest() != blob.sha256]
    detail = f"other bytes than planned in {', '.join(wrong)}" if wrong else "images and labels are those of the plan"
    return AuditCheck(name="inputs", passed=not wrong, detail=detail)


def check_coverage(count: int, expected: int, in_order: bool) -> AuditCheck:
    """Whether the ledger holds each image once, in order."""
    return AuditCheck(
        name="coverage", passed=in_order and count == expected, detail=f"{count} of {expected} images, each once"
    )


def check_epsilon(manifest: Manifest, linf_max: float) -> AuditCheck:
    """Whether no pixel changed by more than the largest epsilon of the stages."""
    limits = [float(e) for _, attack in stages_of(manifest.config) if (e := getattr(attack, "epsilon", None))]
    if not limits:
        return AuditCheck(name="epsilon", passed=True, detail="the attack has no epsilon")
    detail = f"largest change {linf_max:.9g}, epsilon {max(limits):.9g}"
    return AuditCheck(name="epsilon", passed=linf_max <= max(limits), detail=detail)


def check_machines(fingerprints: list[Fingerprint]) -> AuditCheck:
    """Whether all shards were made by the same software on the same kind of processor."""
    kinds = sorted({_describe(fingerprint) for fingerprint in fingerprints})
    detail = f"all by {kinds[0]}" if len(kinds) == 1 else f"{len(kinds)} kinds: {'; '.join(kinds[:3])}"
    return AuditCheck(name="same kind of machine", passed=len(kinds) == 1, detail=detail)


def check_sample(run: RunStore, manifest: Manifest, classifier: Classifier, ledger: pa.Table) -> AuditCheck:
    """Whether some images, drawn at random, measure the same once more from the written artifact."""
    count = len(ledger)
    chosen = np.sort(np.random.default_rng(manifest.config.seed).choice(count, min(_SAMPLE, count), replace=False))
    data, bounds = manifest.data, manifest.config.bounds
    clean = to_float(run.chosen_images(data, chosen), bounds)
    adversarial = run.chosen_attack_data(data, chosen)
    again = measure(classifier, clean, adversarial, bounds)
    found: dict[str, Any] = {
        "clean_prediction": again.clean_prediction,
        "adversarial_prediction": again.adversarial_prediction,
        **again.metrics,
    }
    said = ledger.take(chosen)
    wrong = [
        name
        for name in ("clean_prediction", "adversarial_prediction", *metric_names())
        if not np.allclose(said.column(name).to_numpy(), found[name], rtol=1e-9, atol=1e-12, equal_nan=True)
    ]
    detail = f"{len(chosen)} images measured again; " + (f"they differ in {', '.join(wrong)}" if wrong else "all agree")
    return AuditCheck(name="second measurement", passed=not wrong, detail=detail)


def _describe(fingerprint: Fingerprint) -> str:
    software = ", ".join(f"{name} {version}" for name, version in sorted(fingerprint.versions.items()))
    return f"{software}, {fingerprint.processor}, batch of {fingerprint.batch_size}"
