"""The inputs of a run by their content: hashed here, written by ``publish``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.datasets.base import ImageSet
from core.models.files.formats import file_suffix
from core.models.files.saved_model import files_of, packed
from core.run.manifest import Blob, RunConfig
from core.shard.cascade import stages_of
from core.storage.npy_header import npy_header

_PIECE = 64 << 20  # bytes hashed or written at a time
Pieces = Iterable[bytes | memoryview]


@dataclass(frozen=True)
class Input:
    """A content-addressed input.

    Args:
        blob: its name in the run, and its digest.
        size: bytes, without an array's header.
        pieces: gives the content, piece by piece, as often as it is called.
        file: a file of the planner's with this content, which the run may take over.
    """

    blob: Blob
    size: int
    pieces: Callable[[], Pieces]
    file: Path | None = None


def array_input(array: NDArray[Any]) -> Input:
    """Hash an array as the .npy file that it will be."""
    return _hashed(".npy", array.nbytes, partial(_npy_pieces, array))


def file_input(path: Path) -> Input:
    """Read a Keras file once, so that the hashed bytes are those written; a SavedModel folder is packed.

    Raises:
        ModelError: it is neither.
    """
    suffix = file_suffix(path)
    if path.is_dir():
        return _hashed(suffix, sum(each.stat().st_size for each in files_of(path)), partial(packed, path))
    content = path.read_bytes()
    return _hashed(suffix, len(content), lambda: [content])


def with_assets(config: RunConfig, images: ImageSet, model: str) -> tuple[RunConfig, list[Input]]:
    """Prepare what the attacks need besides images and model.

    Args:
        config: the attacks.
        images: the attacked images.
        model: name of the attacked model.

    Returns:
        The configuration with the names of these inputs, and each input once.
    """
    found: dict[Blob, Input] = {}
    stages = []
    for stage, built in zip(config.stages, stages_of(config), strict=True):
        blobs = {}
        for name, asset in built.attack.prepare(images, config.bounds, model).items():
            made = file_input(asset) if isinstance(asset, Path) else array_input(asset)
            blobs[name], found[made.blob] = made.blob, made
        stages.append(stage.model_copy(update={"assets": blobs}))
    return config.model_copy(update={"stages": tuple(stages)}), list(found.values())


def _hashed(suffix: str, size: int, pieces: Callable[[], Pieces]) -> Input:
    digest = hashlib.sha256()
    for piece in pieces():
        digest.update(piece)
    sha256 = digest.hexdigest()
    return Input(Blob(name=f"{sha256}{suffix}", sha256=sha256), size, pieces)


def _npy_pieces(array: NDArray[Any]) -> Iterator[bytes | memoryview]:
    yield npy_header(array.shape, array.dtype)
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    for start in range(0, len(flat), _PIECE):
        yield flat[start : start + _PIECE]
