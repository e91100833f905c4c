"""The image sets of a training, by the names that the user gives."""

from __future__ import annotations

import numpy as np

from core.datasets.base import ImageSet
from core.datasets.by_name import open_images
from core.datasets.conversion.in_memory import load_image_set
from core.errors import DataError
from core.registry import DATASETS


def load_train_set(data: str) -> ImageSet:
    """The training images of a registered data set, or the images of any other; raises DataError."""
    if data not in DATASETS:
        return load_image_set(open_images(data))
    load = getattr(DATASETS[data](), "load_train", None)
    if load is None:
        raise DataError(
            "a data set with training images",
            f"{data!r}, which has test images alone",
            "give files or folders: --data TRAIN --test-data TEST",
        )
    train_set: ImageSet = load()
    return train_set


def load_sets(data: str, test_data: str | None) -> tuple[ImageSet, ImageSet]:
    """Training and test images that fit each other.

    Args:
        data: a registered data set, or any image set with floats in 0..1 or integer pixels.
        test_data: another such set, required unless ``data`` is a registered one.

    Raises:
        DataError: a set is missing, invalid or without labels, or the two do not fit each other.
    """
    train_set = load_train_set(data)
    if data not in DATASETS and test_data is None:
        raise DataError(
            "--test-data with training images of your own", "none", "give --test-data PATH, with other images"
        )
    test_set = load_image_set(open_images(test_data or data), channels=train_set.images.shape[3])
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
