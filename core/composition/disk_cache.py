"""Caches candidate statistics and embeddings on disk, under a digest of their inputs: computed once per machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.composition.candidates import Candidates
from core.composition.embedding import Embedding
from core.datasets.base import ImageSet
from core.image.pixels import Bounds
from core.runtime.cache_dir import cache_dir

Arrays = dict[str, NDArray[Any]]
WORTH_EMBEDDING = 2000  # images; for fewer, comparing each with every candidate is faster than computing an embedding
_AT_A_TIME = 1024  # images
_VERSION = 3  # increment whenever the computation changes


def candidate_arrays(pictures: ImageSet, bounds: Bounds) -> Arrays:
    """The arrays of the ``Candidates`` of these images, as memory maps; raises DataError without labels."""

    def write(folder: Path) -> None:
        def room(name: str, shape: tuple[int, int]) -> NDArray[np.float32]:
            return np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.dtype(np.float32), shape)

        found = Candidates.of(pictures.images, pictures.required_labels(), bounds, room)
        np.save(folder / "images.npy", found.images)
        np.save(folder / "labels.npy", found.labels)

    return _cached("candidates", pictures, bounds, write)


def embedding_arrays(pictures: ImageSet, bounds: Bounds) -> Arrays:
    """The arrays of the ``Embedding`` of these images, as memory maps."""
    candidates = Candidates.from_arrays(candidate_arrays(pictures, bounds), bounds)

    def write(folder: Path) -> None:
        for name, array in Embedding.of(candidates).arrays().items():
            np.save(folder / f"{name}.npy", array)

    return _cached("embedding", pictures, bounds, write)


def has_embedding(pictures: ImageSet, bounds: Bounds) -> bool:
    """Whether the embedding of these images is in the cache."""
    return _folder("embedding", pictures, bounds).is_dir()


def _cached(kind: str, pictures: ImageSet, bounds: Bounds, write: Callable[[Path], None]) -> Arrays:
    folder = _folder(kind, pictures, bounds)
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as scratch:
            write(Path(scratch))
            with suppress(OSError):  # another process has written it first
                Path(scratch).rename(folder)
    return {path.stem: np.load(path, mmap_mode="r", allow_pickle=False) for path in folder.glob("*.npy")}


def _folder(kind: str, pictures: ImageSet, bounds: Bounds) -> Path:
    digest = hashlib.sha256(f"{kind} {_VERSION} {bounds} {pictures.images.dtype} {pictures.images.shape} ".encode())
    for array in (pictures.images, pictures.required_labels()):
        for start in range(0, len(array), _AT_A_TIME):
            digest.update(np.ascontiguousarray(array[start : start + _AT_A_TIME]).data)
    return cache_dir() / "composition" / digest.hexdigest()
