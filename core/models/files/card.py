"""Metadata of a model's file, so that planning needs no TensorFlow.

A shipped model has a JSON card. Any other file is loaded, the first time, in a subprocess that prints the card:
``python -m core.models.files.card FILE '[28, 28, 1]' [trusted MODULE ...]``, with ``trusted`` if code in the file may
run, and the modules to import first.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import ConfigError, ModelError
from core.models.files.architecture import PREPROCESSING
from core.models.files.formats import file_suffix
from core.models.files.inspect_in_subprocess import answer, ask
from core.models.files.operations import Operations
from core.models.files.remembered import remembered
from core.models.inference.reading import Output
from core.models.inference.shapes import fits_converted
from core.registry import MODELS

ZOO = Path(__file__).parent.parent / "zoo"


class ModelCard(BaseModel):
    """Metadata of a model's file.

    Attributes:
        image_shape: (H, W, C) of the images that it takes, whatever the layout of its own input.
        classes: the number of classes, 2 for a single output.
        input_shape: (H, W, C) of its input, None where any size will do; None altogether if unknown.
        output: what it gives, and what of it is read as logits.
        channels_first: whether its own input is (N, C, H, W).
        pixel_bounds: the pixel range that its first layers expect; None if they don't say.
        architecture: the family in keras.applications that it belongs to; None if unknown.
        class_names: of its classes, from a JSON card beside the file; empty if unknown.
        notes: sentences for the user.
        operations: what its layers multiply; None if unknown.
        test_accuracy: in 0..1, of a model that was trained with ``advshard train``.
        command: the command line that trained it.
    """

    model_config = ConfigDict(frozen=True)

    image_shape: tuple[int, ...]
    classes: int
    input_shape: tuple[int | None, ...] | None = None
    output: Output = "logits"
    channels_first: bool = False
    pixel_bounds: tuple[float, float] | None = None
    architecture: str | None = None
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    operations: Operations | None = None
    test_accuracy: float | None = None
    command: str | None = None

    @property
    def preprocessing(self) -> str | None:
        """The ``--preprocess`` that models of this architecture usually need; None for none.

        Example:
            >>> ModelCard(image_shape=(224, 224, 3), classes=9, architecture="resnet").preprocessing
            'caffe'
        """
        return None if self.pixel_bounds else PREPROCESSING.get(self.architecture or "")


def resolve(
    model: str, image_shape: tuple[int, ...], *, trusted: bool = False, imports: Sequence[str] = ()
) -> tuple[str, Path, ModelCard]:
    """Locate a model and check that it fits the images.

    Args:
        model: the name of a shipped model, or the path of a Keras file or a SavedModel folder.
        image_shape: (H, W, C) of the images. C may be 1 where the model takes 3, and the reverse. Empty where there are
            no images: those that the model takes, 224 pixels wide and high if any size will do.
        trusted: allow code in the file to run.
        imports: modules to import first, if it is trusted.

    Returns:
        The model's name, file and card. Its ``image_shape`` is what the stored images must have.

    Raises:
        InputError: the model is unknown, can't be loaded, or doesn't fit the images.
    """
    if model in MODELS:
        return _shipped(model, image_shape)
    path = Path(model)
    if not path.exists() and os.sep not in model and not path.suffix:
        raise ConfigError(
            "the name of a known model, a Keras file or a SavedModel folder",
            repr(model),
            f"choose one of {', '.join(MODELS)}",
        )
    file_suffix(path)
    return path.name or path.resolve().name, path, _ask(path, image_shape, ["trusted", *imports] if trusted else [])


def check_channels(name: str, card: ModelCard, image_shape: tuple[int, ...]) -> None:
    """Raise ModelError if the images would have to be converted from grey to RGB, or the reverse."""
    if card.image_shape != image_shape:
        raise ModelError(
            f"a model that takes images of shape {image_shape}",
            f"{name!r}, which takes {card.image_shape}",
            "give a model and a data set that fit",
        )


def _shipped(model: str, image_shape: tuple[int, ...]) -> tuple[str, Path, ModelCard]:
    path = ZOO / f"{model}.keras"
    file = ZOO / f"{model}.json"
    if not path.is_file() or not file.is_file():
        raise ModelError(
            "a model with shipped weights",
            f"{model!r}, which has none",
            f"train it with 'advshard train --model {model}' and give the file",
        )
    card = ModelCard.model_validate_json(file.read_text())
    if image_shape and not fits_converted(image_shape, card.image_shape):
        check_channels(model, card, image_shape)
    return model, path, card


def _ask(path: Path, image_shape: tuple[int, ...], words: list[str]) -> ModelCard:
    def look() -> dict[str, Any]:
        return ask("core.models.files.card", path, image_shape, *words)

    # Code of the user's own, which a trusted model may run, is no part of the file.
    content = look() if words or path.is_dir() else remembered(path, image_shape, look)
    beside = _beside(path, content.get("classes"))
    try:
        return ModelCard.model_validate({**content, **beside})
    except ValidationError as error:
        raise ModelError(f"{path}: a loadable model", str(error), "report this as a bug") from None


def _beside(path: Path, classes: Any) -> dict[str, Any]:
    """What a JSON card beside the file says about the model's training; nothing if there is none."""
    try:
        card = json.loads(path.with_suffix(".json").read_bytes())
        known = ModelCard.model_validate({"image_shape": [], "classes": classes, **card})
    except (OSError, ValueError, TypeError, RecursionError):  # another program's file may have the name
        return {}
    names = known.class_names if len(known.class_names) == classes else ()
    return {"class_names": names, "test_accuracy": known.test_accuracy, "command": known.command}


def _look(path: Path, image_shape: tuple[int, ...], trusted: str = "", *modules: str) -> dict[str, object]:
    import numpy as np

    from core.models.files.architecture import architecture
    from core.models.files.loading import load_model
    from core.models.files.operations import count_operations
    from core.models.files.pixel_bounds import pixel_bounds
    from core.models.files.user_modules import import_modules
    from core.models.inference.classifier import KerasClassifier
    from core.models.inference.reading import read_model
    from core.models.inference.shapes import natural_shape

    import_modules(modules)
    model = load_model(path, trusted=bool(trusted))
    reading = read_model(model, image_shape or natural_shape(model), other_channels=True)
    shape = reading.shapes.image_shape
    sample = np.zeros((1, *shape), np.float32)
    try:
        logits, _ = KerasClassifier(model, shape, 1).gradient(sample, np.zeros(1, np.int64), "cross_entropy")
    except Exception as error:  # noqa: BLE001 - layers raise various exceptions for a wrong shape
        raise ModelError(
            f"{path}: a model that accepts images of shape {shape}",
            f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:200]}",
            "give a model and a data set that fit",
        ) from None
    if not np.isfinite(logits).all():
        raise ModelError(f"{path}: finite outputs", "NaN or infinity", "check the weights")
    return {
        "image_shape": shape,
        "classes": reading.shapes.classes,
        "input_shape": reading.shapes.input_shape,
        "output": reading.output,
        "channels_first": reading.shapes.layout == "channels first",
        "pixel_bounds": pixel_bounds(model),
        "architecture": architecture(model),
        "notes": reading.notes,
        "operations": count_operations(model).model_dump(),
    }


if __name__ == "__main__":
    answer(_look)
