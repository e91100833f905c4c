"""Whether a store on a local disk has room for a run."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

from core.errors import StoreError
from core.run.manifest import DataRef
from core.storage.folder import Folder

_ROW_BYTES = 400  # of ledger and index map, per image
_SHARD_BYTES = 32768  # of small files, per shard
_FLOAT_BYTES = 4


def check_spool(folder: Folder, count: int, image_shape: tuple[int, int, int]) -> None:
    """Refuse a disk that is too full for the images alone, before they are read.

    Args:
        folder: the store. Only a local one can be asked.
        count: number of images.
        image_shape: (H, W, C).

    Raises:
        StoreError: there is less room than the images need.
    """
    _check(folder, count * math.prod(image_shape))


def check_space(folder: Folder, data: DataRef, shards: int, inputs: int) -> None:
    """Refuse a disk that is too full for the run, as far as one can know it beforehand.

    Args:
        folder: the store. Only a local one can be asked.
        data: the attacked images. Their result is there twice, as shards and as a whole.
        shards: number of shards.
        inputs: bytes of all inputs.

    Raises:
        StoreError: there is less room than the run needs.
    """
    height, width, channels = data.image_shape
    row = height * width * channels * _FLOAT_BYTES + _ROW_BYTES
    _check(folder, inputs + 2 * row * data.count + shards * _SHARD_BYTES)


def _check(folder: Folder, needed: int) -> None:
    if not folder.local:
        return
    place = Path(folder.root)
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed:
        raise StoreError(
            f"{needed / 1e6:.0f} MB free in the store {folder.url()}",
            f"{free / 1e6:.0f} MB",
            "make room or give another --store; the same command then goes on",
        )
