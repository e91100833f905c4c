"""Files that an attack needs beside the model and the images: candidates to compose with, a generator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Asset:
    """A file known by its content. path: a local copy, verified."""

    sha256: str
    path: Path

    def array(self) -> NDArray[Any]:
        """The array of an ``.npy`` file, read as it is needed."""
        return np.asarray(np.load(self.path, mmap_mode="r", allow_pickle=False))
