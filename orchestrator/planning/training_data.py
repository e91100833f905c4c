"""The image sets of a training, by the names that the user gives."""

from __future__ import annotations

import numpy as np

from core.datasets.base import ImageSet
from core.errors import DataError
from core.registry import DATASETS
from orchestrator.planning.images import load_images

_UNIT = (0.0, 1.0)


def load_train_set(data: str) -> ImageSet:
    """The training images of a registered data set, or those in an .npz file; raises DataError."""
    if data not in DATASETS:
        return load_images(data, _UNIT)
    load = getattr(DATASETS[data](), "load_train", None)
    if load is None:
        raise DataError(
            "a data set with training images",
            f"{data!r}, which has test images alone",
            "give a file: --data train.npz --test-data test.npz",
        )
    train_set: ImageSet = load()
    return train_set


def load_sets(data: str, test_data: str | None) -> tuple[ImageSet, ImageSet]:
    """Training and test images that fit each other.

    Args:
        data: a registered data set, or an .npz file with floats in 0..1 or 8-bit pixels.
        test_data: another .npz file, required with the first.

    Raises:
        DataError: a set is missing, invalid or without labels, or the two do not fit each other.
    """
    train_set = load_train_set(data)
    if data not in DATASETS and test_data is None:
        raise DataError(
            "--test-data with training images from a file", "none", "give --test-data PATH.npz, with other images"
        )
    test_set = load_images(test_data or data, _UNIT)
    _check_fit(train_set, test_set)
    return train_set, test_set


def _check_fit(train_set: ImageSet, test_set: ImageSet) -> None:
    shape, test_shape = train_set.images.shape[1:], test_set.images.shape[1:]
    if test_shape != shape:
        raise DataError(
            f"test images of shape {shape}, as the training images", f"shape {test_shape}", "give sets that fit"
        )
    unknown = np.setdiff1d(test_set.required_labels(), train_set.required_labels())
    if len(unknown):
        raise DataError(
            "test images of classes that the training images have",
            f"a label {unknown[0]}",
            "give sets that fit",
        )
