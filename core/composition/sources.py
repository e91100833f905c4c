"""Loads the candidate images from a registered data set or any other image set."""

from __future__ import annotations

from core.datasets.base import ImageSet
from core.datasets.by_name import open_images
from core.datasets.conversion.in_memory import load_image_set
from core.errors import ConfigError, DataError
from core.image.pixels import Bounds
from core.registry import DATASETS


def pictures_of(name: str, shape: tuple[int, ...], bounds: Bounds) -> ImageSet:
    """Load candidate images by name.

    Args:
        name: a registered data set, whose training images are used, or the path or URL of an image set.
        shape: (H, W, C), which the images must have.
        bounds: the bounds of float images.

    Raises:
        InputError: the name is unknown, the set is invalid, or the shape differs.
    """
    if name in DATASETS:
        dataset = DATASETS[name]()
        if not hasattr(dataset, "load_train"):
            raise ConfigError("a data set with training images", repr(name), "give a set of your own as candidates")
        pictures: ImageSet = dataset.load_train()
    else:
        try:
            pictures = load_image_set(open_images(name), bounds, channels=shape[2])
        except DataError as error:
            raise DataError(f"candidates: {error.expected}", error.got, error.advice) from None
    if pictures.images.shape[1:] != shape:
        raise DataError(
            f"candidates with the images' shape {shape}",
            f"{pictures.images.shape[1:]}",
            "give a set of that shape",
        )
    return pictures
