"""What the tests of image readers share: opening, reading whole, and damaging files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.datasets.location import Location
from core.datasets.open_source import open_source
from core.datasets.source import ReadOptions, Source
from core.errors import DataError


def opened(given: str | Path, **options: Any) -> Source:
    """The source that a path or URL names."""
    return open_source(Location.of(str(given)), ReadOptions(**options))


def images_of(source: Source, rows: Any = None) -> NDArray[Any]:
    """The images at some rows, or all."""
    rows = np.arange(source.count) if rows is None else np.asarray(rows)
    pieces = list(source.pieces(rows.astype(np.int64)))
    np.testing.assert_array_equal(np.concatenate([piece.rows for piece in pieces]), rows)
    return np.concatenate([piece.images for piece in pieces])


def refused(given: str | Path, **options: Any) -> str:
    """The one line with which a set is refused when it is opened or read."""
    with pytest.raises(DataError) as error:
        read_whole(given, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def read_whole(given: str | Path, **options: Any) -> None:
    """Open a set and read all of it."""
    source = opened(given, **options)
    source.labels()
    images_of(source)


def survives(path: Path, content: bytes) -> None:
    """A damaged file is read, or refused in one line; any other exception fails the test."""
    path.write_bytes(content)
    try:
        read_whole(path)
    except DataError as error:
        message = str(error)
    else:
        return
    assert "\n" not in message
    assert len(message) < 1000


def damaged(content: bytes, seed: int = 0, count: int = 100) -> Iterator[bytes]:
    """The content cut off at several places, and with some bytes changed."""
    rng = np.random.default_rng(seed)
    for stop in np.linspace(0, len(content) - 1, 25).astype(int):
        yield content[:stop]
    for _ in range(count):
        changed = np.frombuffer(content, np.uint8).copy()
        # Half of the changes are in the first kilobyte or the last one, where formats describe themselves.
        places = rng.integers(0, len(changed), 4)
        places[:2] = rng.choice([0, max(0, len(changed) - 1024)]) + rng.integers(0, min(1024, len(changed)), 2)
        changed[np.minimum(places, len(changed) - 1)] = rng.integers(0, 256, 4)
        yield changed.tobytes()
