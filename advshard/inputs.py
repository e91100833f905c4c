"""What the API accepts: a model as an object, a name or a path; images as an array, a name or a path."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from core.datasets.base import ImageSet, checked
from core.errors import DataError, ModelError
from core.image.pixels import Bounds
from core.models.files.saving import save_model
from orchestrator.planning.images import load_images


def image_set(images: ArrayLike | str | os.PathLike[str], labels: ArrayLike | None, bounds: Bounds) -> ImageSet:
    """The images, with their labels if they have any.

    Args:
        images: (N, H, W, C), uint8 or float within the bounds; or the name or path of an image set.
        labels: (N,) class numbers of an array of images, or None for no labels; a set has its own.
        bounds: lowest and highest value of float pixels.

    Raises:
        DataError: they can't be attacked as they are.
    """
    if isinstance(images, str | os.PathLike):
        if labels is not None:
            raise DataError("labels with an array of images alone", "labels beside the name of a set", "leave them out")
        return load_images(os.fspath(images), bounds)
    return checked("array", np.asarray(images), None if labels is None else np.asarray(labels), bounds)


def check_model(model: Any) -> None:
    """Raise ModelError for an object that is no keras.Model."""
    if not all(hasattr(model, name) for name in ("save", "inputs", "outputs", "name")):
        raise ModelError("a keras.Model, the name of a shipped model or a path", type(model).__name__, "give one")


@contextmanager
def model_file(model: Any) -> Iterator[str]:
    """The name or path of a model, for as long as the block runs. A keras.Model is saved to a temporary file.

    Raises:
        ModelError: it is neither a keras.Model nor a name or path.
    """
    if isinstance(model, str | os.PathLike):
        yield os.fspath(model)
        return
    check_model(model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{model.name}.keras"
        save_model(model, path)
        yield str(path)
