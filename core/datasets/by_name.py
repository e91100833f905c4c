"""Opens image sets by what users call them: a registered name, a path, a pattern or a URL."""

from __future__ import annotations

import os
import re

from core.datasets.arrays import ArraySource
from core.datasets.base import ImageSet
from core.datasets.location import Location
from core.datasets.open_source import open_source
from core.datasets.source import ReadOptions, Source
from core.errors import ConfigError, DataError
from core.registry import DATASETS

_WORD = re.compile(r"[\w-]+")


def open_images(data: str, options: ReadOptions | None = None) -> Source:
    """Open an image set without reading its images, unless it is a registered one.

    Args:
        data: the name of a registered data set (its test images), or what ``Location.of`` takes.
        options: how to read it.

    Raises:
        InputError: there is no such set, or no reader for its format.
    """
    options = options or ReadOptions()
    if data in DATASETS:
        if options != ReadOptions():
            raise ConfigError(
                f"options that {data!r} has", "--keys, --split, --size or --skip-broken", "leave them out"
            )
        found: ImageSet = DATASETS[data]().load()
        return source_of(found)
    if _WORD.fullmatch(data) and not os.path.lexists(data):
        raise DataError(
            "the name of a known data set, or the path or URL of an image set",
            f"{data!r}, which is neither",
            f"choose one of {', '.join(DATASETS)}, or give a path",
        )
    return open_source(Location.of(data), options)


def source_of(images: ImageSet) -> Source:
    """An image set in memory as a source."""
    return ArraySource(images.name, images.images, images.labels, images.class_names)
