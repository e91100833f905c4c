"""The classifier of a run, kept between the tasks of a worker."""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from pathlib import Path

from core.contracts import Manifest
from core.errors import ModelError
from core.models.classifier import Classifier, KerasClassifier
from core.models.fixed_shape import settle
from core.models.loading import load_model
from core.store import RunStore

_KEPT = 2  # models at a time
_cache: OrderedDict[tuple[object, ...], Classifier] = OrderedDict()


def classifier_of(run: RunStore, manifest: Manifest) -> Classifier:
    """The run's model, read from its inputs and verified by its digest, at its batch size."""
    key = (manifest.model.file.sha256, manifest.data.image_shape, manifest.config.batch_size)
    if key not in _cache:
        _cache[key] = _load(run, manifest)
        while len(_cache) > _KEPT:
            _cache.popitem(last=False)
    _cache.move_to_end(key)
    return _cache[key]


def _load(run: RunStore, manifest: Manifest) -> Classifier:
    file, shape = manifest.model.file, manifest.data.image_shape
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file.name
        path.write_bytes(run.input_bytes(file))
        model = load_model(path)

    def make(batch_size: int) -> KerasClassifier:
        return KerasClassifier(model, shape, batch_size)

    classifier = settle(make, manifest.config.batch_size, shape)
    if classifier.classes != manifest.model.classes:
        raise ModelError(f"{manifest.model.classes} classes, as planned", f"{classifier.classes}", "plan the run again")
    return classifier
