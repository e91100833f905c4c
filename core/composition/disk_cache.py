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
_VERSION = 2  # increment whenever the computation changes


def candidate_arrays(pictures: ImageSet, bounds: Bounds) -> Arrays:
    """The arrays of the ``Candidates`` of these images, as memory maps; raises DataError without labels."""
    return _cached(
        "candidates",
        pictures,
        bounds,
        lambda: Candidates.of(pictures.images, pictures.required_labels(), bounds).arrays(),
    )


def embedding_arrays(pictures: ImageSet, bounds: Bounds) -> Arrays:
    """The arrays of the ``Embedding`` of these images, as memory maps."""
    candidates = Candidates.from_arrays(candidate_arrays(pictures, bounds), bounds)
    return _cached("embedding", pictures, bounds, lambda: Embedding.of(candidates).arrays())


def has_embedding(pictures: ImageSet, bounds: Bounds) -> bool:
    """Whether the embedding of these images is in the cache."""
    return _folder("embedding", pictures, bounds).is_dir()


def _cached(kind: str, pictures: ImageSet, bounds: Bounds, make: Callable[[], Arrays]) -> Arrays:
    folder = _folder(kind, pictures, bounds)
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as scratch:
            for name, array in make().items():
                np.save(Path(scratch) / f"{name}.npy", array)
            with suppress(OSError):  # another process has written it first
                Path(scratch).rename(folder)
    return {path.stem: np.load(path, mmap_mode="r", allow_pickle=False) for path in folder.glob("*.npy")}


def _folder(kind: str, pictures: ImageSet, bounds: Bounds) -> Path:
    digest = hashlib.sha256(f"{kind} {_VERSION} {bounds} {pictures.images.dtype} {pictures.images.shape} ".encode())
    for array in (pictures.images, pictures.required_labels()):
        digest.update(np.ascontiguousarray(array).data)
    return cache_dir() / "composition" / digest.hexdigest()
