"""Files on a disk by Python's own calls: fsspec's take several times as long, and a run has hundreds of thousands."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import IO


def exists(path: str) -> bool:
    """Whether there is a file; raises OSError where the disk doesn't say."""
    try:
        return S_ISREG(Path(path).stat().st_mode)
    except FileNotFoundError:
        return False


def names(folder: str) -> list[str]:
    """What is in a folder; empty if there is none."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - names alone, without a Path for each
    except FileNotFoundError:
        return []


def find(folder: str) -> Iterator[str]:
    """The paths of all files in a folder and in its folders."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from find(entry.path)
            else:
                yield entry.path


def read(path: str, start: int | None, stop: int | None) -> bytes:
    """The bytes of a file, or its slice; raises FileNotFoundError."""
    with open(path, "rb") as file:  # noqa: PTH123 - without a Path for each
        begin = start or 0
        file.seek(begin)
        # As much as there is: a buffer of the size that was asked for would be made first.
        end = os.fstat(file.fileno()).st_size if stop is None else min(stop, os.fstat(file.fileno()).st_size)
        return file.read(max(0, end - begin))


def create(path: str) -> IO[bytes]:
    """A new file to write into, and the folders that it needs."""
    place = Path(path)
    try:
        return place.open("wb")
    except FileNotFoundError:
        place.parent.mkdir(parents=True, exist_ok=True)
        return place.open("wb")
