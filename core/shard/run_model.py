"""The classifier of a run, kept between the tasks of a worker."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import ConfigError, ModelError
from core.models.files.embedded_code import refuse_own_code
from core.models.files.formats import file_suffix
from core.models.inference.cached_classifier import cached_classifier
from core.models.inference.classifier import Classifier
from core.models.inference.preprocessing import Preprocessing
from core.run.manifest import Manifest
from core.run.run_store import RunStore
from core.runtime.bfloat16 import Precision, bfloat16_instructions
from core.runtime.fingerprint import processor


def classifier_of(run: RunStore, manifest: Manifest, *, trusted: bool = False) -> Classifier:
    """The run's model at its batch size, read from its inputs and verified by its digest.

    Args:
        run: the run.
        manifest: its manifest.
        trusted: whether code in the model's file may run. The caller decides this, never the run.

    Raises:
        ConfigError: the run's precision needs another processor.
        ModelError: the model is not the planned one.
    """
    precision_here(manifest.config.precision)
    classifier = cached_classifier(
        manifest.model.file.sha256,
        lambda: _file_of(run, manifest),
        manifest.data.image_shape,
        manifest.config.batch_size,
        trusted=trusted,
        preprocessing=Preprocessing(manifest.config.preprocess, manifest.config.bounds),
        precision=manifest.config.precision,
    )
    if classifier.classes != manifest.model.classes:
        raise ModelError(f"{manifest.model.classes} classes, as planned", f"{classifier.classes}", "plan the run again")
    return classifier


def precision_here(precision: Precision) -> str:
    """The precision with the processor's instructions for it, on which the bits depend.

    Raises:
        ConfigError: this machine has none; to imitate them gives other bits, slowly.
    """
    if precision == "float32":
        return precision
    instructions = bfloat16_instructions()
    if instructions is None:
        raise ConfigError(
            "a processor with avx512_bf16 or amx_bf16, for gradients in bfloat16",
            processor(),
            "start the workers on machines that have it, or give the run command with --precision float32",
        )
    return f"{precision} {instructions}"


def refuse_untrusted(run: RunStore, manifest: Manifest) -> None:
    """Raise ModelError if the run's model contains code, without loading it."""
    with _file_of(run, manifest) as path:
        refuse_own_code(path, file_suffix(path))


@contextmanager
def _file_of(run: RunStore, manifest: Manifest) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / manifest.model.file.name
        path.write_bytes(run.inputs.content(manifest.model.file))
        yield path
