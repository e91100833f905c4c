"""Where an image set is: a file, a folder, a pattern, or several files, local or at any fsspec URL."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass
from functools import cached_property
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
        fs, _ = _opened(parts[0])
        for part in parts:
            own, path = _opened(part)
            if own != fs:
                raise DataError("files on one file system", f"{parts[0]} and {part}", "copy one of them to the other")
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
        return list(self._listing[0] if self.is_folder else self.paths)

    def folders(self) -> list[str]:
        """All subfolders of a folder, sorted, without hidden ones, also those without files; raises as ``files``."""
        return list(self._listing[1]) if self.is_folder else []

    @cached_property
    def _listing(self) -> tuple[list[str], list[str]]:
        root = self.paths[0]
        if isinstance(self.fs, LocalFileSystem):
            return _local_listing(self.name, root)
        try:
            found = self.fs.find(root, withdirs=True, detail=True)
        except Exception as error:  # noqa: BLE001 - each file system raises its own exceptions
            raise DataError(f"{self.name}: a folder that can be listed", _reason(error), "check the URL") from None
        kept = {path.rstrip("/"): each.get("type") == "directory" for path, each in found.items()}
        kept = {path: folder for path, folder in kept.items() if path != root and not _hidden(path, root)}
        return sorted(p for p in kept if not kept[p]), sorted(p for p in kept if kept[p])

    def relative(self, path: str) -> str:
        """A file's path below the folder, or its name."""
        return _below(path, self.paths[0]) if self.is_folder else posixpath.basename(path)

    def open(self, path: str) -> IO[bytes]:
        """Open one of the files for reading, with ``seek``; raises DataError."""
        try:
            file: IO[bytes] = self.fs.open(path, "rb")
        except Exception as error:  # noqa: BLE001 - each file system raises its own exceptions
            raise DataError(f"{path}: a readable file", _reason(error), "check the path given to --data") from None
        return file

    def size(self, path: str) -> int:
        """The bytes in one of the files; raises DataError."""
        with self.open(path) as file:
            try:
                return file.seek(0, os.SEEK_END)
            except Exception as error:  # noqa: BLE001 - each file system raises its own exceptions
                raise DataError(
                    f"{path}: a file that can be read at any position", _reason(error), "copy it to this machine"
                ) from None


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


def _local_listing(name: str, root: str) -> tuple[list[str], list[str]]:
    """Files and folders; links to folders inside the root are not followed, since their files are found anyway."""
    home = Path(root).resolve()
    files, folders, waiting = [], [], [root]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                visible = [entry for entry in entries if not entry.name.startswith(".")]
        except OSError as error:
            raise DataError(f"{folder}: a folder that can be listed", _reason(error), "check its permissions") from None
        for entry in visible:
            if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(home):
                raise DataError(
                    f"{name}: files inside the folder",
                    f"{entry.path}, a link to {Path(entry.path).resolve()}",
                    "copy the folder with 'cp -rL' if you trust its links",
                )
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
                folders.append(entry.path)
            elif entry.is_file() or not Path(entry.path).exists():  # a link to nothing fails when it is read
                files.append(entry.path)
    return sorted(files), sorted(folders)


def _below(path: str, root: str) -> str:
    return path.removeprefix(root).lstrip("/")


def _hidden(path: str, root: str) -> bool:
    return any(part.startswith(".") for part in _below(path, root).split("/"))


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]
