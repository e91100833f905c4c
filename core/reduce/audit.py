"""Checks of a result, made on the files as they stand in the store."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.image.pixels import to_float
from core.metrics.ssim import by_scikit_image
from core.models.inference.classifier import Classifier
from core.reduce.finished_shards import groups
from core.run.layout import LEDGER
from core.run.manifest import Manifest
from core.run.records import Fingerprint, FinishedShard
from core.run.report import AttackStatistics, AuditCheck
from core.run.run_store import RunStore
from core.shard.cascade import stages_of
from core.shard.ledger import measure
from core.storage.npy_header import npy_header

_SAMPLE, _LEAST = 256, 16  # images measured a second time, of small and of large images
_VALUES = 256 * 64 * 64 * 3  # pixel values in that sample
_PIECE = 16 << 20  # pixel values read at a time


def check_attack_data(run: RunStore, manifest: Manifest, parts: Iterable[FinishedShard]) -> tuple[AuditCheck, str]:
    """Check that ``attack_data.npy``, read back, holds each shard's bytes, and that pixels are finite and in bounds.

    Returns:
        The check, and the file's SHA-256.
    """
    low, high = (np.float32(bound) for bound in manifest.config.bounds)
    whole, wrong, read = hashlib.sha256(), [], 0
    for group in groups(parts, max(1, _PIECE // math.prod(manifest.data.image_shape))):
        first = group[0].shard.start
        pieces = run.results.attack_data(manifest.data, first, group[-1].shard.stop)
        whole.update(pieces.data)
        for part in group:
            read += len(part.shard.range)
            rows = pieces[part.shard.start - first : part.shard.stop - first]
            if hashlib.sha256(rows.data).hexdigest() != part.images_sha256:
                wrong.append(f"{part.shard.range}: other bytes than its record says")
            elif not (np.isfinite(rows).all() and rows.min() >= low and rows.max() <= high):
                wrong.append(f"{part.shard.range}: pixels that are not finite or outside the bounds")
    detail = "; ".join(wrong[:3]) or f"{read} shards read back, all pixels finite and within {low:g}..{high:g}"
    return AuditCheck(name="attack data", passed=not wrong, detail=detail), whole.hexdigest()


def check_inputs(run: RunStore, manifest: Manifest) -> AuditCheck:
    """Check that images and labels are those of the plan: workers read slices, which they cannot verify."""
    data = manifest.data
    digests = {data.images: hashlib.sha256(npy_header(data.shape, np.dtype(data.dtype)))}
    if data.labels is not None:
        digests[data.labels] = hashlib.sha256(npy_header((data.count,), np.dtype(np.int64)))
    step = max(1, _PIECE // math.prod(data.image_shape))
    for start in range(0, data.count, step):
        stop = min(start + step, data.count)
        digests[data.images].update(run.inputs.images(data, start, stop).data)
        labels = run.inputs.labels(data, start, stop)
        if data.labels is not None and labels is not None:
            digests[data.labels].update(labels.data)
    wrong = [blob.name for blob, digest in digests.items() if digest.hexdigest() != blob.sha256]
    what = "images, which have no labels," if data.labels is None else "images and labels"
    detail = f"other bytes than planned in {', '.join(wrong)}" if wrong else f"{what} are those of the plan"
    return AuditCheck(name="inputs", passed=not wrong, detail=detail)


def check_coverage(count: int, expected: int, *, in_order: bool) -> AuditCheck:
    """Check that the ledger holds each image once and in order."""
    return AuditCheck(
        name="coverage", passed=in_order and count == expected, detail=f"{count} of {expected} images, each once"
    )


def check_epsilon(manifest: Manifest, made: Sequence[AttackStatistics]) -> AuditCheck:
    """Check that no attack changed an image by more than its epsilon, in its norm."""
    limits: dict[str, list[tuple[str, float]]] = {}
    for stage in stages_of(manifest.config):
        epsilon = getattr(stage.attack, "epsilon", math.inf)
        limits.setdefault(stage.name, []).append((getattr(stage.attack, "norm", "linf"), epsilon))
    found, passed = [], True
    for each in made:
        change = {"linf": each.linf_max, "l2": each.l2_max}
        norm, epsilon = max(limits.get(each.attack, [("linf", 0.0)]), key=lambda limit: limit[1])
        if epsilon < math.inf:
            found.append(f"{each.attack}: largest change {change[norm]:.9g} in {norm}, epsilon {epsilon:.9g}")
            passed = passed and change[norm] <= epsilon
    return AuditCheck(name="epsilon", passed=passed, detail="; ".join(found) or "no attack has an epsilon")


def check_machines(fingerprints: list[Fingerprint]) -> AuditCheck:
    """Check that the same software on the same kind of processor made all shards."""
    kinds = sorted({_describe(fingerprint) for fingerprint in fingerprints})
    detail = f"all by {kinds[0]}" if len(kinds) == 1 else f"{len(kinds)} kinds: {'; '.join(kinds[:3])}"
    return AuditCheck(name="same kind of machine", passed=len(kinds) == 1, detail=detail)


def sample_size(count: int, image_shape: tuple[int, ...]) -> int:
    """The number of images to measure a second time: fewer of large images, and the same in any repetition of a run.

    Args:
        count: the images of the run.
        image_shape: (H, W, C).

    Example:
        >>> sample_size(10_000, (28, 28, 1)), sample_size(10_000, (224, 224, 3)), sample_size(10, (224, 224, 3))
        (256, 20, 10)
    """
    return min(count, _SAMPLE, max(_LEAST, _VALUES // math.prod(image_shape)))


def check_sample(run: RunStore, manifest: Manifest, classifier: Classifier) -> AuditCheck:
    """Measure some random images again from the written artifacts, and check that the ledger agrees.

    This time both SSIMs are computed by scikit-image itself.
    """
    data, bounds = manifest.data, manifest.config.bounds
    size = sample_size(data.count, data.image_shape)
    chosen = np.sort(np.random.default_rng(manifest.config.seed).choice(data.count, size, replace=False))
    clean = to_float(run.inputs.chosen_images(data, chosen), bounds)
    adversarial = run.results.chosen_attack_data(data, chosen)
    again = measure(classifier, clean, adversarial, bounds)
    found: dict[str, Any] = {
        "clean_prediction": again.clean_prediction,
        "adversarial_prediction": again.adversarial_prediction,
        "success_uint8": again.uint8_prediction != again.clean_prediction,
        **again.metrics,
        **by_scikit_image(clean, adversarial, bounds),
    }
    said = run.results.read(LEDGER, partial(_chosen_rows, chosen, list(found)))
    wrong = [
        name
        for name in found
        if not np.allclose(said.column(name).to_numpy(), found[name], rtol=1e-9, atol=1e-12, equal_nan=True)
    ]
    detail = f"{len(chosen)} images measured again; " + (f"they differ in {', '.join(wrong)}" if wrong else "all agree")
    return AuditCheck(name="second measurement", passed=not wrong, detail=detail)


def _chosen_rows(chosen: NDArray[np.int64], columns: list[str], file: IO[bytes]) -> pa.Table:
    """Some rows of the ledger by their numbers, ascending; it reads one row group at a time."""
    ledger = pq.ParquetFile(file)
    found, first = [], 0
    for group in range(ledger.num_row_groups):
        stop = first + ledger.metadata.row_group(group).num_rows
        inside = chosen[(chosen >= first) & (chosen < stop)] - first
        if len(inside):
            found.append(ledger.read_row_group(group, columns, use_threads=False).take(inside))
        first = stop
    return pa.concat_tables(found)


def _describe(fingerprint: Fingerprint) -> str:
    software = ", ".join(f"{name} {version}" for name, version in sorted(fingerprint.versions.items()))
    precision = "" if fingerprint.precision == "float32" else f", gradients in {fingerprint.precision}"
    return f"{software}, {fingerprint.processor}, batch of {fingerprint.batch_size}{precision}"
