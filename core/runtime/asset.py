"""Files that an attack needs besides model and images, such as candidates or a generator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Asset:
    """A file known by its content.

    Attributes:
        sha256: of the content.
        path: a local, verified copy.
    """

    sha256: str
    path: Path

    def array(self) -> NDArray[Any]:
        """The array of an ``.npy`` file, memory-mapped."""
        return np.asarray(np.load(self.path, mmap_mode="r", allow_pickle=False))
