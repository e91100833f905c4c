"""Where an image set is: a file, a folder, a pattern, or several files, local or at any fsspec URL."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from core.errors import DataError

_PATTERN = frozenset("*?[")


@dataclass(frozen=True)
class Location:
    """Files on an fsspec file system.

    Attributes:
        name: what the user gave.
        fs: the file system.
        paths: the files, or one folder, without the URL's protocol; a pattern's matches are sorted.
        is_folder: whether ``paths`` is one folder.
    """

    name: str
    fs: Any
    paths: tuple[str, ...]
    is_folder: bool

    @classmethod
    def of(cls, given: str) -> Location:
        """Find what a path, a pattern, an fsspec URL, or several of them separated by commas name.

        Args:
            given: for example ``images.npz``, ``photos/``, ``x_test.npy,y_test.npy``, ``part-*.parquet``,
                ``s3://bucket/set.h5``, ``zip://images.npy::set.zip``.

        Raises:
            DataError: there is nothing, or this installation can't open such a URL.
        """
        parts = [given] if os.path.lexists(given) else given.split(",")
        found: list[str] = []
        folder = False
        for part in parts:
            fs, path = _opened(part)
            if _PATTERN & set(path) and not _is(fs, path, part, "exists"):
                found += sorted(_matches(fs, path, part))
                continue
            folder = bool(_is(fs, path, part, "isdir"))
            if not folder and not _is(fs, path, part, "isfile"):
                raise DataError("an image set", f"no file or folder {part}", "check the path given to --data")
            if folder and len(parts) > 1:
                raise DataError("files separated by commas", f"a folder, {part}", "give a folder alone")
            found.append(path.rstrip("/") if folder else path)
        return cls(given, fs, tuple(found), folder)

    @property
    def suffix(self) -> str:
        """The lower-case suffix that all files have, such as ``.npz``; empty for a folder or different ones."""
        suffixes = {posixpath.splitext(path)[1].lower() for path in self.paths}
        return suffixes.pop() if len(suffixes) == 1 and not self.is_folder else ""

    def files(self) -> list[str]:
        """All files, those of a folder sorted, with its subfolders, without hidden ones.

        Raises:
            DataError: a symbolic link leads out of the folder.
        """
        if not self.is_folder:
            return list(self.paths)
        root = self.paths[0]
        found = sorted(path for path in self.fs.find(root) if not _hidden(path, root))
        if isinstance(self.fs, LocalFileSystem):
            home = Path(root).resolve()
            for path in found:
                if Path(path).is_symlink() and not Path(path).resolve().is_relative_to(home):
                    raise DataError(
                        f"{self.name}: files inside the folder",
                        f"{path}, a link to {Path(path).resolve()}",
                        "copy the folder with 'cp -rL' if you trust its links",
                    )
        return found

    def relative(self, path: str) -> str:
        """A file's path below the folder, or its name."""
        return posixpath.relpath(path, self.paths[0]) if self.is_folder else posixpath.basename(path)

    def open(self, path: str) -> IO[bytes]:
        """Open one of the files for reading, with ``seek``; raises DataError."""
        try:
            file: IO[bytes] = self.fs.open(path, "rb")
        except Exception as error:  # noqa: BLE001 - each file system raises its own exceptions
            raise DataError(f"{path}: a readable file", _reason(error), "check the path given to --data") from None
        return file


def _opened(url: str) -> tuple[Any, str]:
    try:
        fs, path = url_to_fs(url)
    except Exception as error:  # noqa: BLE001 - each file system raises its own exceptions
        raise DataError(
            "a path or URL that fsspec can open",
            f"{url!r} ({_reason(error)})",
            "give a local path, or install the package for this file system",
        ) from None
    return fs, str(path)


def _is(fs: Any, path: str, url: str, question: str) -> bool:
    try:
        return bool(getattr(fs, question)(path))
    except Exception as error:  # noqa: BLE001 - each file system raises its own exceptions
        raise DataError(
            f"{url}: an image set within reach", _reason(error), "check the URL and the credentials"
        ) from None


def _matches(fs: Any, path: str, url: str) -> list[str]:
    found = [match for match in fs.glob(path) if fs.isfile(match)]
    if not found:
        raise DataError("an image set", f"no file matches {url}", "check the pattern given to --data")
    return found


def _hidden(path: str, root: str) -> bool:
    return any(part.startswith(".") for part in posixpath.relpath(path, root).split("/"))


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]
