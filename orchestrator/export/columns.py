"""The order and the names of an export's columns, and the names of the classes."""

from __future__ import annotations

from collections.abc import Sequence

from core.run.manifest import Manifest
from core.shard.ledger import schema

_LEADING = ("index", "label", "clean_prediction", "adversarial_prediction", "success", "success_uint8", "ssim", "linf")


def ledger_columns() -> list[str]:
    """All columns of the ledger, those that say most first."""
    return [*_LEADING, *(name for name in schema().names if name not in _LEADING)]


def names_of_classes(manifest: Manifest) -> Sequence[str]:
    """The name of each class of the model; empty if the data set does not name them all."""
    names = manifest.data.class_names
    return names if len(names) >= manifest.model.classes else ()
