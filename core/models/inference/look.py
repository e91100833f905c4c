"""A look at a model on some images: what it predicts, and what a pass costs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.image.pixels import Bounds, to_float
from core.models.inference.classifier import Classifier, predict

SAMPLE = 256  # images to look at
_BATCHES = 2  # whose gradients are timed


@dataclass(frozen=True)
class Look:
    """What a look found.

    Attributes:
        predictions: (n,) classes.
        forward_seconds: CPU time of a forward pass of an image.
        gradient_seconds: CPU time of a forward and a backward pass of an image.
    """

    predictions: NDArray[np.int64]
    forward_seconds: float
    gradient_seconds: float


def look(classifier: Classifier, images: NDArray[Any], bounds: Bounds) -> Look:
    """Predict images, and time the passes.

    Args:
        classifier: the model.
        images: (n, H, W, C), uint8, or float32 within the bounds, at least one. They become floats a batch at a time.
        bounds: lowest and highest pixel value.
    """
    size = classifier.batch_size
    batch = to_float(np.resize(images[:size], (size, *images.shape[1:])), bounds)
    classifier.logits(batch[:1])  # the first call of each traces a graph
    predictions, seconds = np.empty(len(images), np.int64), 0.0
    for start in range(0, len(images), size):
        chosen = to_float(images[start : start + size], bounds)
        began = time.process_time()
        predictions[start : start + size] = predict(classifier, chosen)
        seconds += time.process_time() - began
    labels = np.resize(predictions[:size], size)
    classifier.gradient(batch[:1], labels[:1], "cross_entropy")
    began = time.process_time()
    for _ in range(_BATCHES):
        classifier.gradient(batch, labels, "cross_entropy")
    return Look(predictions, seconds / len(images), (time.process_time() - began) / (_BATCHES * size))


def passes_of_look(images: int, batch_size: int) -> int:
    """The passes that a look at so many images takes, forward and backward alike."""
    return images + 2 * _BATCHES * batch_size
