"""Local files through Python's own functions.

fsspec's take several times as long, and a run has hundreds of thousands of files.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import IO


def exists(path: str) -> bool:
    """Whether the path is a regular file; raises OSError if the disk fails."""
    try:
        return S_ISREG(Path(path).stat().st_mode)
    except FileNotFoundError:
        return False


def names(folder: str) -> list[str]:
    """The names of a folder's entries; empty if there is no such folder."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - names alone, without a Path for each
    except FileNotFoundError:
        return []


def find(folder: str) -> Iterator[str]:
    """The paths of all files below a folder, recursively."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from find(entry.path)
            else:
                yield entry.path


def read(path: str, start: int | None, stop: int | None) -> bytes:
    """Read a file, or its bytes ``start`` to ``stop``; raises FileNotFoundError."""
    with open(path, "rb") as file:  # noqa: PTH123 - without a Path for each
        begin = start or 0
        file.seek(begin)
        # Limited to the file's size, because ``read`` first allocates a buffer of the requested size.
        end = os.fstat(file.fileno()).st_size if stop is None else min(stop, os.fstat(file.fileno()).st_size)
        return file.read(max(0, end - begin))


def create(path: str) -> IO[bytes]:
    """Open a new file for writing; missing parent folders are created."""
    place = Path(path)
    try:
        return place.open("wb")
    except FileNotFoundError:
        place.parent.mkdir(parents=True, exist_ok=True)
        return place.open("wb")


def size(folder: str) -> int:
    """The bytes of all files below a folder, recursively; links are not followed."""
    total = 0
    for path in find(folder):
        with suppress(FileNotFoundError):
            total += Path(path).lstat().st_size
    return total


def remove_tree(path: str) -> None:
    """Remove a file, a link, or a folder with everything in it."""
    place = Path(path)
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink()
