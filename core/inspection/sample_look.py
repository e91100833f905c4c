"""Looks at a model on a sample of images, as a program of its own.

``python -m core.inspection.sample_look FILE '[28, 28, 1]' TASK.json [trusted MODULE ...]`` prints what it found as
JSON. The sample, if there is one, is beside the task.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.image.pixels import Bounds, Preprocess, to_float
from core.inspection.readings import Reading, in_bounds, other_readings
from core.inspection.task import SAMPLE_FILE, SampleLook, Task
from core.models.files.inspect_in_subprocess import answer

_RANDOM = 64  # images, where there are none
_TRIED = 64  # images that other readings are tried on, about


def _look(path: Path, image_shape: tuple[int, ...], file: str, trusted: str = "", *modules: str) -> dict[str, object]:
    from core.models.files.loading import load_model
    from core.models.files.user_modules import import_modules
    from core.models.inference.classifier import KerasClassifier, predict
    from core.models.inference.look import look
    from core.models.inference.preprocessing import Preprocessing

    task = Task.model_validate_json(Path(file).read_bytes())
    images, labels = _sample(Path(file).parent / SAMPLE_FILE)
    import_modules(modules)
    model = load_model(path, trusted=bool(trusted))

    def classifier(bounds: Bounds, preprocess: Preprocess) -> KerasClassifier:
        return KerasClassifier(model, image_shape, task.batch_size, Preprocessing(preprocess, bounds))

    attacked = classifier(task.bounds, task.preprocess)
    random = np.random.default_rng(0).integers(0, 256, (_RANDOM, *image_shape)).astype(np.uint8)
    found = look(attacked, random if images is None else images, task.bounds)
    counted = SampleLook(
        parameters=int(model.count_params()) if hasattr(model, "count_params") else None,
        forward_seconds=found.forward_seconds,
        gradient_seconds=found.gradient_seconds,
    )
    if images is None:
        return counted.model_dump(mode="json")
    reading, others = Reading.of(task.bounds, task.preprocess, found.predictions, labels), []
    if reading.is_suspect(attacked.classes):
        some = slice(None, None, -(-len(images) // _TRIED))  # of each class: they may come sorted
        for bounds, preprocess in other_readings(task.bounds, task.preprocess, image_shape[-1]):
            pixels = in_bounds(images[some], task.bounds, bounds)
            predictions = _predictions(classifier(bounds, preprocess), pixels, bounds, predict)
            others.append(Reading.of(bounds, preprocess, predictions, None if labels is None else labels[some]))
    update = {"reading": reading, "others": tuple(others)}
    return counted.model_copy(update=update).model_dump(mode="json")


def _predictions(classifier: Any, images: NDArray[Any], bounds: Bounds, predict: Any) -> NDArray[np.int64]:
    size = classifier.batch_size
    parts = [images[start : start + size] for start in range(0, len(images), size)]
    return np.concatenate([predict(classifier, to_float(part, bounds)) for part in parts])


def _sample(file: Path) -> tuple[NDArray[Any] | None, NDArray[np.int64] | None]:
    if not file.exists():
        return None, None
    with np.load(file, allow_pickle=False) as found:
        return found["images"], found.get("labels")


if __name__ == "__main__":
    from core.runtime.onednn import ask_for_onednn

    # As in a worker, whose costs are to be told.
    os.environ.update(OMP_NUM_THREADS="1", TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")
    ask_for_onednn()
    answer(_look)
