"""The attacked images: from a source to the run's inputs of images and labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.datasets.base import ImageSet
from core.datasets.conversion.labels import Labels, read_labels
from core.datasets.conversion.normalise import Target, normalise
from core.datasets.conversion.selection import chosen_rows
from core.datasets.files.decode import RESAMPLER
from core.datasets.source import Source
from core.run.manifest import BrokenRef, DataRef
from orchestrator.planning.inputs import Input, array_input
from orchestrator.planning.request import Request
from orchestrator.planning.spool import Spool

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Chosen:
    """The images of a source that are to be attacked.

    Attributes:
        labels: of the whole source.
        rows: (n,), ascending.
    """

    source: Source
    labels: Labels
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class Spooled:
    """Images and labels as inputs of a run."""

    data: DataRef
    images: ImageSet
    inputs: list[Input]


def choose(request: Request, source: Source) -> Chosen:
    """Read the labels, and choose the images by ``limit`` or ``sample``; raises DataError."""
    labels = read_labels(source.name, source.labels(), source.class_names)
    rows = chosen_rows(source.count, labels.numbers, request.limit, request.sample, request.seed)
    if labels.numbers is not None and request.limit is not None and _one_class(labels.numbers, rows):
        note = f"the first {len(rows)} images are of one class; --sample {len(rows)} draws some of each"
        labels = replace(labels, notes=(*labels.notes, note))
    return Chosen(source, labels, rows)


def _one_class(labels: NDArray[np.int64], rows: NDArray[np.int64]) -> bool:
    """Whether several chosen images are all of one class, in a set that has more."""
    chosen = labels[rows]
    return len(rows) > 1 and bool((chosen == chosen[0]).all()) and bool((labels != chosen[0]).any())


def spool(chosen: Chosen, target: Target, folder: Path, progress: Progress | None, *, resized: bool) -> Spooled:
    """Write the images to a file, and describe them.

    Args:
        chosen: the images, their labels numbered as the model's outputs.
        target: the shape and range to bring them to.
        folder: for the file.
        progress: called with the images read so far, and their number in all.
        resized: whether the source resizes image files.

    Raises:
        DataError: the images can't be read.
    """
    source = chosen.source
    file = Spool(folder, len(chosen.rows), target.shape)
    read = normalise(source, chosen.rows, target, file, progress)
    pixels, images = file.finish()
    numbers = None if chosen.labels.numbers is None else chosen.labels.numbers[read.rows]
    labels = None if numbers is None else array_input(numbers)
    data = DataRef(
        name=source.name,
        count=len(images),
        image_shape=target.shape,
        dtype=read.dtype,
        images=pixels.blob,
        labels=labels.blob if labels else None,
        class_names=chosen.labels.class_names,
        resampler=RESAMPLER if resized else None,
        broken=tuple(BrokenRef(name=each.name, reason=each.reason) for each in dict.fromkeys(source.broken)),
        notes=tuple(dict.fromkeys((*chosen.labels.notes, *read.notes))),
    )
    inputs = [pixels, *([labels] if labels else [])]
    return Spooled(data, ImageSet(source.name, images, numbers, data.class_names), inputs)
