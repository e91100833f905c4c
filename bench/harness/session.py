"""Our classifier in a benchmark's process, loaded as in a worker."""

from __future__ import annotations

from pathlib import Path

from core.models.files.loading import load_model
from core.models.inference.batch_invariance import settle
from core.models.inference.classifier import KerasClassifier
from core.runtime.native_logs import quiet_native_logs
from orchestrator.planning.validate import default_batch_size
from tasks.session import load_tensorflow

SHAPE = (28, 28, 1)


def classifier_of(model: Path) -> KerasClassifier:
    """The model in one thread, at the batch sizes of a run."""
    with quiet_native_logs():
        load_tensorflow()
    loaded = load_model(model)
    shape = tuple(loaded.input_shape[1:])
    return settle(lambda size: KerasClassifier(loaded, shape, size), default_batch_size(shape), shape)
