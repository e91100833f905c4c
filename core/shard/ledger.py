"""The ledger: one row per image, measured on the adversarial images as they were written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.image.pixels import Bounds, Images, to_float, to_uint8
from core.models.inference.classifier import Classifier, predict
from core.registry import METRICS
from core.shard.cascade import Outcome

NO_TARGET = -1  # in the ledger of an untargeted run
_FIRST_METRICS = ("ssim", "ssim_full", "l0", "l1", "l2", "linf")


def metric_names() -> list[str]:
    """The names of all registered metrics: first those that every ledger has, then the others, sorted."""
    return [*_FIRST_METRICS, *(name for name in METRICS if name not in _FIRST_METRICS)]


def schema() -> pa.Schema:
    """The columns of ``ledger.parquet``. ``label`` is null in every row of a set without labels, no other column is.

    forward_passes and backward_passes are the classifier's, spent by all attacks of the cascade on an image, and by the
    cascade to choose between them. The predictions on the clean image and on the example, which only measure, do not
    count.
    """
    return pa.schema(
        [
            ("index", pa.int64()),
            ("label", pa.int64()),
            ("digest", pa.string()),
            ("clean_prediction", pa.int64()),
            ("adversarial_prediction", pa.int64()),
            ("success", pa.bool_()),
            ("attack", pa.string()),
            ("fallback_reason", pa.string()),
            ("steps", pa.int64()),
            ("forward_passes", pa.int64()),
            ("backward_passes", pa.int64()),
            *((name, pa.float64()) for name in metric_names()),
            ("shard", pa.int64()),
            ("success_uint8", pa.bool_()),
            ("target", pa.int64()),
        ]
    )


@dataclass(frozen=True)
class Measured:
    """Measurements of n adversarial images.

    Attributes:
        clean_prediction, adversarial_prediction: (n,) classes.
        uint8_prediction: (n,), the classes predicted after rounding the adversarial images to 8 bits.
        metrics: (n,) per metric.
    """

    clean_prediction: NDArray[np.int64]
    adversarial_prediction: NDArray[np.int64]
    uint8_prediction: NDArray[np.int64]
    metrics: dict[str, NDArray[np.float64]]


def measure(
    classifier: Classifier,
    clean: Images,
    adversarial: Images,
    bounds: Bounds,
    clean_prediction: NDArray[np.int64] | None = None,
) -> Measured:
    """Predictions and metrics of pairs of images.

    Args:
        classifier: the attacked model.
        clean, adversarial: (n, H, W, C) within the bounds.
        bounds: lowest and highest pixel value.
        clean_prediction: (n,), if already known.
    """
    rounded = to_float(to_uint8(adversarial, bounds), bounds)
    changed = (rounded != adversarial).any(axis=(1, 2, 3))
    # Together, so that fewer places of a batch stay empty; an image on the 8-bit levels is its own rounded one.
    unknown = clean[: len(clean) if clean_prediction is None else 0]
    found = predict(classifier, np.concatenate([adversarial, rounded[changed], unknown]))
    after, of_rounded, before = np.split(found, np.cumsum([len(adversarial), np.count_nonzero(changed)]))
    uint8_prediction = after.copy()
    uint8_prediction[changed] = of_rounded
    return Measured(
        before if clean_prediction is None else clean_prediction,
        after,
        uint8_prediction,
        measure_metrics(clean, adversarial, bounds),
    )


def measure_metrics(clean: Images, adversarial: Images, bounds: Bounds) -> dict[str, NDArray[np.float64]]:
    """Compute every registered metric. Metrics that share a function are computed once.

    Args:
        clean, adversarial: (n, H, W, C) within the bounds.
        bounds: lowest and highest pixel value.

    Returns:
        (n,) per metric, by name.
    """
    found: dict[str, NDArray[np.float64]] = {}
    for name in metric_names():
        if name not in found:
            metric = METRICS[name]
            shared = getattr(metric, "shared", None)
            found |= shared(clean, adversarial, bounds) if shared else {name: metric()(clean, adversarial, bounds)}
    return found


def rows(
    measured: Measured,
    outcome: Outcome,
    indices: NDArray[np.int64],
    labels: NDArray[np.int64] | None,
    targets: NDArray[np.int64],
    digests: list[bytes],
    shards: NDArray[np.int64],
) -> pa.Table:
    """The rows of n images.

    Args:
        measured: their measurements.
        outcome: of the cascade.
        indices, targets, shards: (n,).
        labels: (n,); None for a set without labels.
        digests: n digests of 32 bytes.
    """
    columns = {
        "index": indices,
        "label": pa.nulls(len(indices), pa.int64()) if labels is None else labels,
        "digest": [digest.hex() for digest in digests],
        "clean_prediction": measured.clean_prediction,
        "adversarial_prediction": measured.adversarial_prediction,
        "success": measured.adversarial_prediction != measured.clean_prediction,
        "attack": outcome.attack,
        "fallback_reason": outcome.reason,
        "steps": outcome.steps,
        "forward_passes": outcome.forward_passes,
        "backward_passes": outcome.backward_passes,
        **measured.metrics,
        "shard": shards,
        "success_uint8": measured.uint8_prediction != measured.clean_prediction,
        "target": targets,
    }
    return pa.table(columns, schema=schema())
