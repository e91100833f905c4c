"""Metadata of a model's file, so that planning needs no TensorFlow.

A shipped model has a JSON card. Any other file is loaded in a subprocess that prints the card:
``python -m core.models.files.card FILE '[28, 28, 1]' [trusted]``, with ``trusted`` if code in the file may run.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import ConfigError, ModelError
from core.models.files.inspect_in_subprocess import answer, ask
from core.models.files.loading import file_suffix
from core.registry import MODELS

ZOO = Path(__file__).parent.parent / "zoo"


class ModelCard(BaseModel):
    """Metadata of a model's file.

    image_shape: (H, W, C) of its input. classes: the number of outputs. test_accuracy, in 0..1, and command, the
    command line that trained it, are known for shipped models.
    """

    model_config = ConfigDict(frozen=True)

    image_shape: tuple[int, ...]
    classes: int
    test_accuracy: float | None = None
    command: str | None = None


def resolve(model: str, image_shape: tuple[int, ...], *, trusted: bool = False) -> tuple[str, Path, ModelCard]:
    """Locate a model and check that it fits the images.

    Args:
        model: the name of a shipped model, or the path of a Keras file.
        image_shape: (H, W, C) of the images.
        trusted: allow code in the file to run.

    Returns:
        The model's name, file and card.

    Raises:
        InputError: the model is unknown, can't be loaded, or doesn't fit the images.
    """
    if model in MODELS:
        path = ZOO / f"{model}.keras"
        card = ZOO / f"{model}.json"
        if not path.is_file() or not card.is_file():
            raise ModelError(
                "a model with shipped weights",
                f"{model!r}, which has none",
                f"train it with 'advshard train --model {model}' and give the file",
            )
        found = ModelCard.model_validate_json(card.read_text())
        if found.image_shape != image_shape:
            raise ModelError(
                f"a model that takes images of shape {image_shape}",
                f"{model!r}, which takes {found.image_shape}",
                "give a model and a data set that fit",
            )
        return model, path, found
    path = Path(model)
    if not path.exists() and os.sep not in model and not path.suffix:
        raise ConfigError(
            "the name of a known model or a Keras file", repr(model), f"choose one of {', '.join(MODELS)}"
        )
    file_suffix(path)
    return path.name, path, _ask(path, image_shape, trusted=trusted)


def _ask(path: Path, image_shape: tuple[int, ...], *, trusted: bool) -> ModelCard:
    content = ask("core.models.files.card", path, image_shape, *(["trusted"] if trusted else []))
    try:
        return ModelCard.model_validate(content)
    except ValidationError as error:
        raise ModelError(f"{path}: a loadable model", str(error), "report this as a bug") from None


def _look(path: Path, image_shape: tuple[int, ...], *words: str) -> dict[str, object]:
    import numpy as np

    from core.models.files.loading import load_model
    from core.models.inference.classifier import KerasClassifier

    classifier = KerasClassifier(load_model(path, trusted="trusted" in words), image_shape, 1)
    sample = np.zeros((1, *image_shape), np.float32)
    try:
        logits, _ = classifier.gradient(sample, np.zeros(1, np.int64), "cross_entropy")
    except Exception as error:  # noqa: BLE001 - layers raise various exceptions for a wrong shape
        raise ModelError(
            f"{path}: a model that accepts images of shape {image_shape}",
            f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}",
            "give a model and a data set that fit",
        ) from None
    if not np.isfinite(logits).all():
        raise ModelError(f"{path}: finite outputs", "NaN or infinity", "check the weights")
    return {"image_shape": image_shape, "classes": classifier.classes}


if __name__ == "__main__":
    answer(_look)
