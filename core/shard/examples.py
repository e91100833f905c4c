"""Converts stored images and labels to the examples of an attack, with the labels or targets to attack."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.attacks.base import Examples
from core.datasets.base import no_labels
from core.image.pixels import to_float
from core.models.inference.classifier import Classifier
from core.run.manifest import RunConfig
from core.shard.targets import targets


def examples_of(
    config: RunConfig,
    classifier: Classifier,
    stored: NDArray[Any],
    labels: NDArray[np.int64] | None,
    indices: NDArray[np.int64],
) -> tuple[Examples, NDArray[np.int64]]:
    """Prepare images for an attack.

    Args:
        config: says whether images are moved away from the prediction or the label, or towards a target.
        classifier: the attacked model.
        stored: (n, H, W, C), uint8, or float32 within the bounds.
        labels: (n,) of the data set; None without, where images are moved away from the prediction.
        indices: (n,), each image's place in the data set.

    Returns:
        The examples, and the predictions (n,) on the clean images.
    """
    clean = to_float(stored, config.bounds)
    logits = classifier.logits(clean)
    predictions = np.asarray(logits.argmax(axis=1), np.int64)
    aims = predictions
    if config.target is not None:
        aims = targets(config.target, logits, indices, config.seed)
    elif config.labels == "true":
        if labels is None:
            raise no_labels("the images")
        aims = labels
    examples = Examples(
        images=clean,
        labels=aims,
        indices=indices,
        bounds=config.bounds,
        seed=config.seed,
        levels=255 if stored.dtype == np.uint8 else None,
        targeted=config.target is not None,
    )
    return examples, predictions
