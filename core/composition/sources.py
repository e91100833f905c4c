"""Where the pictures come from that images are composed with."""

from __future__ import annotations

from core.datasets.base import ImageSet
from core.datasets.npz import NpzDataset
from core.errors import ConfigError, DataError
from core.image.pixels import Bounds
from core.registry import DATASETS


def pictures_of(name: str, shape: tuple[int, ...], bounds: Bounds) -> ImageSet:
    """The training images of a registered data set, or an .npz file; raises InputError unless they have this shape."""
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
            f"candidates of the images' shape {shape}", f"{pictures.images.shape[1:]}", "give an .npz file that fits"
        )
    return pictures
