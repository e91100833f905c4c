"""The classifier of a run, kept between the tasks of a worker."""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import ModelError
from core.models.files.embedded_code import refuse_own_code
from core.models.files.loading import file_suffix, load_model
from core.models.inference.batch_invariance import settle
from core.models.inference.classifier import Classifier, KerasClassifier
from core.run.manifest import Manifest
from core.run.run_store import RunStore

_KEPT = 2  # models at a time
_cache: OrderedDict[tuple[object, ...], Classifier] = OrderedDict()


def classifier_of(run: RunStore, manifest: Manifest, trusted: bool = False) -> Classifier:
    """The run's model, read from its inputs and verified by its digest, at its batch size.

    Code in its file runs only if it is trusted: that is for whoever loads it to say, never for the run.
    """
    key = (manifest.model.file.sha256, manifest.data.image_shape, manifest.config.batch_size, trusted)
    if key not in _cache:
        _cache[key] = _load(run, manifest, trusted)
        while len(_cache) > _KEPT:
            _cache.popitem(last=False)
    _cache.move_to_end(key)
    return _cache[key]


def refuse_untrusted(run: RunStore, manifest: Manifest) -> None:
    """Raise ModelError if the run's model brings code of its own. Nothing of it is loaded."""
    with _file_of(run, manifest) as path:
        refuse_own_code(path, file_suffix(path))


@contextmanager
def _file_of(run: RunStore, manifest: Manifest) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / manifest.model.file.name
        path.write_bytes(run.inputs.content(manifest.model.file))
        yield path


def _load(run: RunStore, manifest: Manifest, trusted: bool) -> Classifier:
    shape = manifest.data.image_shape
    with _file_of(run, manifest) as path:
        model = load_model(path, trusted)

    def make(batch_size: int) -> KerasClassifier:
        return KerasClassifier(model, shape, batch_size)

    classifier = settle(make, manifest.config.batch_size, shape)
    if classifier.classes != manifest.model.classes:
        raise ModelError(f"{manifest.model.classes} classes, as planned", f"{classifier.classes}", "plan the run again")
    return classifier
