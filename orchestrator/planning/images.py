"""The attacked images, by what the user calls them."""

from __future__ import annotations

from core.datasets.base import ImageSet
from core.datasets.npz import NpzDataset
from core.errors import DataError
from core.image.pixels import Bounds
from core.registry import DATASETS


def load_images(data: str, bounds: Bounds) -> ImageSet:
    """Load a registered data set, or an .npz file.

    Args:
        data: the name, or the path of the file.
        bounds: lowest and highest pixel value of float images.

    Raises:
        DataError: there is no such set, or it can't be attacked as it is.
    """
    if data in DATASETS:
        found: ImageSet = DATASETS[data]().load(bounds)
        return found
    if not data.endswith(".npz"):
        raise DataError(
            "the name of a known data set or an .npz file",
            repr(data),
            f"choose one of {', '.join(DATASETS)}, or give a file with the arrays images and labels",
        )
    return NpzDataset(data).load(bounds)
