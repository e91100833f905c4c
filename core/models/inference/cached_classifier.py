"""Loads classifiers, both attacked models and surrogates, and caches them between a worker's tasks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from core.models.fast.frozen import memory_with_functions
from core.models.files.loading import load_model
from core.models.inference.batch_invariance import settle
from core.models.inference.classifier import KerasClassifier
from core.models.inference.preprocessing import NO_PREPROCESSING, Preprocessing
from core.runtime.bfloat16 import Precision
from core.runtime.memory_cache import cached

_FUNCTIONS = 3  # the forward pass, and the gradients of two losses


def cached_classifier(
    sha256: str,
    file: Callable[[], AbstractContextManager[Path]],
    shape: tuple[int, ...],
    batch_size: int,
    *,
    trusted: bool = False,
    preprocessing: Preprocessing = NO_PREPROCESSING,
    precision: Precision = "float32",
) -> KerasClassifier:
    """Return the classifier in a Keras file, loading it if it isn't cached.

    Args:
        sha256: digest of the file.
        file: opens a context in which the file is available.
        shape: (H, W, C) of the images.
        batch_size: the largest batch size to try; the classifier's may be smaller.
        trusted: allow code in the file to run.
        preprocessing: applied to the pixels first.
        precision: of the gradients.

    Raises:
        ModelError: the file can't be loaded, or is not a classifier of such images.
    """

    def load() -> tuple[KerasClassifier, int]:
        with file() as path:
            model = load_model(path, trusted=trusted)
        found = settle(lambda size: KerasClassifier(model, shape, size, preprocessing, precision), batch_size, shape)
        return found, memory_with_functions(model, _FUNCTIONS)

    applied = NO_PREPROCESSING if preprocessing.mode == "none" else preprocessing  # then the bounds don't matter
    return cached(("classifier", sha256, shape, batch_size, trusted, applied, precision), load)
