"""Loads surrogates: models attacked in place of an unknown one."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from core.models.files.card import check_channels, resolve
from core.models.inference.cached_classifier import cached_classifier
from core.models.inference.classifier import KerasClassifier
from core.runtime.asset import Asset


def surrogate_file(model: str, shape: tuple[int, ...]) -> Path:
    """Locate the file of a shipped model or a Keras file for images of shape (H, W, C); raises InputError."""
    name, path, card = resolve(model, shape)
    check_channels(name, card, shape)
    return path


def load_surrogate(asset: Asset, shape: tuple[int, ...], batch_size: int) -> KerasClassifier:
    """Load the classifier in a file for images of shape (H, W, C), cached between a worker's tasks.

    Embedded code is refused.
    """
    return cached_classifier(asset.sha256, lambda: nullcontext(asset.path), shape, batch_size)
