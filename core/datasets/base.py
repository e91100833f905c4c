"""The interface of a registered data set, and an image set in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError


@dataclass(frozen=True)
class ImageSet:
    """Images, with their labels if they have any.

    images: (N, H, W, C), uint8 in 0..255 or float32 within the bounds.
    labels: (N,) int64, each at least 0; None for a set without labels.
    class_names: one name per class; empty if unknown.
    """

    name: str
    images: NDArray[Any]
    labels: NDArray[np.int64] | None
    class_names: tuple[str, ...] = ()

    def head(self, limit: int) -> ImageSet:
        """The first ``limit`` images."""
        labels = None if self.labels is None else self.labels[:limit]
        return ImageSet(self.name, self.images[:limit], labels, self.class_names)

    def required_labels(self) -> NDArray[np.int64]:
        """The labels (N,), for what can't do without them; raises DataError if there are none."""
        if self.labels is None:
            raise no_labels(self.name)
        return self.labels


def no_labels(name: str) -> DataError:
    """The error for a data set without the labels that it needs.

    Args:
        name: of the data set.
    """
    return DataError(f"{name} with labels, one class number per image", "no labels", "give a set that has them")


class Dataset(Protocol):
    """A registered data set: ``Dataset().load()``."""

    def load(self) -> ImageSet:
        """Locate, verify and load the test images; raises DataError if they can't be found or are invalid."""
        ...
