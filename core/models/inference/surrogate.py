"""A model that stands in for one that is unknown."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from core.models.files.card import resolve
from core.models.inference.cached_classifier import cached_classifier
from core.models.inference.classifier import KerasClassifier
from core.runtime.asset import Asset


def surrogate_file(model: str, shape: tuple[int, ...]) -> Path:
    """The file of a shipped model or a Keras file that takes images of this shape; raises InputError."""
    return resolve(model, shape)[1]


def load_surrogate(asset: Asset, shape: tuple[int, ...], batch_size: int) -> KerasClassifier:
    """The classifier in a file, kept between the tasks of a worker; code in the file never runs."""
    return cached_classifier(asset.sha256, lambda: nullcontext(asset.path), shape, batch_size)
