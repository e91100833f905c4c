"""A model that stands in for one that is unknown."""

from __future__ import annotations

from pathlib import Path

from core.models.files.card import resolve
from core.models.files.loading import load_model
from core.models.inference.batch_invariance import settle
from core.models.inference.classifier import KerasClassifier
from core.runtime.asset import Asset, kept


def surrogate_file(model: str, shape: tuple[int, ...]) -> Path:
    """The file of a shipped model or a Keras file that takes images of this shape; raises InputError."""
    return resolve(model, shape)[1]


def load_surrogate(asset: Asset, shape: tuple[int, ...], batch_size: int) -> KerasClassifier:
    """The classifier in a file, kept between the tasks of a worker."""

    def load() -> KerasClassifier:
        model = load_model(asset.path)
        return settle(lambda size: KerasClassifier(model, shape, size), batch_size, shape)

    return kept(("surrogate", asset.sha256, shape, batch_size), load)
