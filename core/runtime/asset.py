"""Files that an attack needs beside the model and the images: candidates to compose with, a generator."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

_KEPT = 8
_cache: OrderedDict[Hashable, Any] = OrderedDict()


@dataclass(frozen=True)
class Asset:
    """A file known by its content. path: a local copy, verified."""

    sha256: str
    path: Path

    def array(self) -> NDArray[Any]:
        """The array of an ``.npy`` file, read as it is needed."""
        return np.asarray(np.load(self.path, mmap_mode="r", allow_pickle=False))


def kept(key: Hashable, make: Callable[[], T]) -> T:
    """What ``make`` made for this key, kept between the tasks of a worker.

    The key names what it is, and all that it depends on: assets by their SHA-256.
    """
    if key not in _cache:
        _cache[key] = make()
        while len(_cache) > _KEPT:
            _cache.popitem(last=False)
    _cache.move_to_end(key)
    found: T = _cache[key]
    return found
