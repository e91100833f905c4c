"""Other readings of the pixels than the given one, for a model whose predictions look wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from core.gates.clean_accuracy import clean_accuracy
from core.gates.one_class import FEWEST, counts, one_class
from core.image.pixels import Bounds, Preprocess, to_float
from core.run.report import Gate

_BOUNDS: tuple[Bounds, ...] = ((0.0, 1.0), (0.0, 255.0), (-1.0, 1.0))
_MODES: tuple[Preprocess, ...] = ("tf", "torch", "caffe")
_RGB = 3
_BETTER = 0.1  # of the images, that another reading must gain to be preferred


class Reading(BaseModel):
    """A reading of the pixels, and what the model predicts with it.

    Attributes:
        bounds: lowest and highest pixel value.
        preprocess: Keras's preprocessing between pixels and model.
        predicted: number of images by predicted class.
        labelled: number of images by label; None without labels.
        right: images predicted as their label; None without labels.
    """

    model_config = ConfigDict(frozen=True)

    bounds: Bounds
    preprocess: Preprocess
    predicted: dict[int, int]
    labelled: dict[int, int] | None
    right: int | None

    @classmethod
    def of(
        cls, bounds: Bounds, preprocess: Preprocess, predictions: NDArray[np.int64], labels: NDArray[np.int64] | None
    ) -> Reading:
        """The reading that gives these predictions (n,) of images with these labels (n,), if any."""
        found = cls(bounds=bounds, preprocess=preprocess, predicted=counts(predictions), labelled=None, right=None)
        if labels is None:
            return found
        right = int(np.count_nonzero(predictions == labels))
        return found.model_copy(update={"labelled": counts(labels), "right": right})

    @property
    def images(self) -> int:
        """Number of images."""
        return sum(self.predicted.values())

    @property
    def accuracy(self) -> float | None:
        """Clean accuracy in 0..1; None without labels."""
        return None if self.right is None else self.right / self.images

    @property
    def largest_share(self) -> float:
        """Share of the images in the class that is predicted most often."""
        return max(self.predicted.values()) / self.images

    def gates(self, classes: int, names: tuple[str, ...] = ()) -> list[Gate]:
        """The checks of the set-up for this reading.

        Args:
            classes: of the model.
            names: of the classes, if they are known.
        """
        return [one_class(self.predicted, self.labelled, names), clean_accuracy(self.right, self.images, classes)]

    def is_suspect(self, classes: int) -> bool:
        """Whether other readings are worth a try: a gate is raised, or most images are wrong or in one class."""
        if self.images < FEWEST:
            return False
        wrong = self.largest_share > 0.5 if self.accuracy is None else self.accuracy < 0.5
        return wrong or any(gate.raised for gate in self.gates(classes))

    @property
    def merit(self) -> float:
        """What the better of two readings has more of: accuracy, or without labels evenness of the predictions."""
        return -self.largest_share if self.accuracy is None else self.accuracy

    @property
    def options(self) -> list[str]:
        """The options that ask for this reading."""
        if self.preprocess != "none":
            return ["--preprocess", self.preprocess]
        return ["--bounds", *(f"{bound:g}" for bound in self.bounds)]


def other_readings(bounds: Bounds, preprocess: Preprocess, channels: int) -> Iterator[tuple[Bounds, Preprocess]]:
    """The usual bounds and preprocessings besides the given ones, for images with so many channels."""
    plain: Preprocess = "none"
    yield from ((each, plain) for each in _BOUNDS if (each, plain) != (bounds, preprocess))
    modes = _MODES if channels == _RGB else _MODES[:1]
    yield from ((bounds, mode) for mode in modes if mode != preprocess)


def in_bounds(images: NDArray[Any], old: Bounds, new: Bounds) -> NDArray[Any]:
    """Images stored for the bounds ``old``, for the bounds ``new``: uint8 as they are, floats scaled linearly."""
    if images.dtype == np.uint8 or old == new:
        return images
    share = (to_float(images, old) - np.float32(old[0])) / np.float32(old[1] - old[0])
    return np.asarray(np.float32(new[0]) + share * np.float32(new[1] - new[0]), np.float32)


def best_reading(given: Reading, others: Iterable[Reading], classes: int) -> Reading | None:
    """The best of the other readings, if it is clearly better than the given one and passes the gates.

    Args:
        given: what was asked for.
        others: what was tried besides, on all or some of the images.
        classes: of the model.
    """
    passing = [each for each in others if not any(gate.raised for gate in each.gates(classes))]
    better = [each for each in passing if each.merit > given.merit + _BETTER]
    return max(better, key=lambda each: each.merit, default=None)
