"""Our classifier in a process of a benchmark, as a worker has it."""

from __future__ import annotations

from pathlib import Path

from core.contracts import RunConfig
from core.models.classifier import KerasClassifier
from core.models.loading import load_model
from orchestrator.quiet import quiet_native_logs
from tasks.session import load_tensorflow


def classifier_of(model: Path) -> KerasClassifier:
    """The model in one thread, at the batch size of a run."""
    with quiet_native_logs():
        load_tensorflow()
    return KerasClassifier(load_model(model), (28, 28, 1), RunConfig.model_fields["batch_size"].default)
