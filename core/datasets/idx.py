"""Reads gzipped IDX files, the format of the MNIST family."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError


def read_idx(path: Path, sha256: str) -> NDArray[Any]:
    """Read the uint8 array in a gzipped IDX file.

    Args:
        path: the file.
        sha256: the digest of the uncompressed content, since compression may differ between sources.

    Raises:
        DataError: the file can't be read or its content has another digest.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: a gzipped IDX file", str(error), "remove the file and try again") from None
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DataError(
            f"{path}: content with SHA-256 {sha256}", found, "remove the file; it is damaged or a different one"
        )
    axes = content[3]
    shape = np.frombuffer(content, ">i4", count=axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
