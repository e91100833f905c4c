"""Loads the candidate images from a registered data set or an .npz file."""

from __future__ import annotations

from core.datasets.base import ImageSet
from core.datasets.npz import NpzDataset
from core.errors import ConfigError, DataError
from core.image.pixels import Bounds
from core.registry import DATASETS


def pictures_of(name: str, shape: tuple[int, ...], bounds: Bounds) -> ImageSet:
    """Load candidate images by name.

    Args:
        name: a registered data set, whose training images are used, or the path of an .npz file.
        shape: (H, W, C), which the images must have.
        bounds: the bounds of float images in an .npz file.

    Raises:
        InputError: the name is unknown, the file is invalid, or the shape differs.
    """
    if name in DATASETS:
        dataset = DATASETS[name]()
        if not hasattr(dataset, "load_train"):
            raise ConfigError("a data set with training images", repr(name), "give an .npz file as candidates")
        pictures: ImageSet = dataset.load_train()
    elif name.endswith(".npz"):
        pictures = NpzDataset(name).load(bounds)
    else:
        known = ", ".join(DATASETS)
        raise ConfigError("the name of a data set or an .npz file as candidates", repr(name), f"choose one of {known}")
    if pictures.images.shape[1:] != shape:
        raise DataError(
            f"candidates with the images' shape {shape}",
            f"{pictures.images.shape[1:]}",
            "give an .npz file of that shape",
        )
    return pictures
