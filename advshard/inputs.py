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

from core.datasets.arrays import ArraySource
from core.datasets.by_name import open_images
from core.datasets.source import ReadOptions, Source
from core.errors import DataError, ModelError
from core.models.files.saving import save_model


def image_source(
    images: ArrayLike | str | os.PathLike[str], labels: ArrayLike | None, options: ReadOptions | None = None
) -> Source:
    """The images, with their labels if they have any.

    Args:
        images: an array, (N, H, W) or (N, H, W, C); or the name, path or URL of an image set.
        labels: of an array: (N,) class numbers or names, or (N, K) one-hot rows; None for no labels. A set has its own.
        options: how to read a set.

    Raises:
        DataError: there is no such set, or the labels don't fit the images.
    """
    if isinstance(images, str | os.PathLike):
        if labels is not None:
            raise DataError("labels with an array of images alone", "labels beside the name of a set", "leave them out")
        return open_images(os.fspath(images), options)
    pixels, given = np.asarray(images), None if labels is None else np.asarray(labels)
    if not pixels.ndim or not len(pixels):
        raise DataError("at least one image, (N, H, W, C)", f"an array of shape {pixels.shape}", "give some images")
    if given is not None and given.shape[:1] != pixels.shape[:1]:
        raise DataError(f"{len(pixels)} labels, one per image", f"labels of shape {given.shape}", "give one for each")
    return ArraySource("array", pixels, given)


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
