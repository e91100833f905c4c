"""Has a model looked at on a sample of images in a subprocess, so that the command needs no TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from core.image.pixels import Bounds, Preprocess
from core.inspection.readings import Reading
from core.models.files.inspect_in_subprocess import ask

_TASK, SAMPLE_FILE = "task.json", "sample.npz"


class Task(BaseModel):
    """How to look.

    Attributes:
        bounds: lowest and highest pixel value.
        preprocess: Keras's preprocessing between pixels and model.
        batch_size: of a run.
    """

    model_config = ConfigDict(frozen=True)

    bounds: Bounds
    preprocess: Preprocess
    batch_size: int


class SampleLook(BaseModel):
    """What the look found.

    Attributes:
        parameters: number of weights; None if unknown.
        forward_seconds: CPU time of a forward pass of an image.
        gradient_seconds: CPU time of a forward and a backward pass of an image.
        reading: the given reading; None without images.
        others: readings that were tried, on some of the images, because the given one looks wrong.
    """

    model_config = ConfigDict(frozen=True)

    parameters: int | None
    forward_seconds: float
    gradient_seconds: float
    reading: Reading | None = None
    others: tuple[Reading, ...] = ()


def look_at_sample(
    path: Path,
    image_shape: tuple[int, ...],
    task: Task,
    sample: tuple[NDArray[Any], NDArray[np.int64] | None] | None,
    folder: Path,
    words: tuple[str, ...] = (),
) -> SampleLook:
    """Look at a model in a subprocess.

    Args:
        path: the Keras file, or a SavedModel folder.
        image_shape: (H, W, C).
        task: how to look.
        sample: images (n, H, W, C), uint8 or float32 within the bounds, and their labels (n,) if they have any; None
            for random pixels, of which only the costs are told.
        folder: for temporary files.
        words: ``trusted`` if code in the file may run, and the modules to import first.

    Raises:
        ModelError: the model can't be loaded or doesn't fit.
    """
    (folder / _TASK).write_text(task.model_dump_json())
    if sample is not None:
        images, labels = sample
        arrays: dict[str, Any] = {"images": images} if labels is None else {"images": images, "labels": labels}
        np.savez(folder / SAMPLE_FILE, **arrays)
    return SampleLook.model_validate(ask("core.inspection.sample_look", path, image_shape, str(folder / _TASK), *words))
