"""Files in a folder on any fsspec file system, written atomically.

All operations are idempotent, so transient failures (network, overloaded server) are retried for some seconds. A final
failure is an OSError, whatever exception the file system raised.
"""

from __future__ import annotations

import errno
import posixpath
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import IO, Any, ParamSpec, TypeVar

import fsspec
import tenacity
from fsspec.core import url_to_fs

from core.errors import AdvshardError, StoreError
from core.storage import local_disk as disk

P = ParamSpec("P")
T = TypeVar("T")

_RETRY_SECONDS = 12.0
_AT_ONCE = 32  # concurrent listings
_FINAL_ERRORS = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError)
_FINAL_NUMBERS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.ENAMETOOLONG}


def is_final(error: BaseException) -> bool:
    """Whether a file system's error is permanent: no such file, no permission, no space."""
    return isinstance(error, _FINAL_ERRORS) or getattr(error, "errno", None) in _FINAL_NUMBERS


RETRYING = tenacity.Retrying(
    retry=tenacity.retry_if_exception(lambda error: isinstance(error, OSError) and not is_final(error)),
    wait=tenacity.wait_random_exponential(multiplier=0.2, max=3.0),
    # At least three attempts, even if a single one takes longer than the retry time.
    stop=tenacity.stop_all(tenacity.stop_after_delay(_RETRY_SECONDS), tenacity.stop_after_attempt(3)),
    reraise=True,
)


def _retried(operation: Callable[P, T]) -> Callable[P, T]:
    """Retry an operation on transient OSErrors, and convert other exceptions of the file system to OSError."""

    def once(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return operation(*args, **kwargs)
        except (OSError, ValueError, AdvshardError):
            raise
        except Exception as error:
            # Each file system has its own exceptions for networks and servers; built-in ones are bugs of this code.
            if type(error).__module__ == "builtins":
                raise
            raise OSError(errno.EIO, f"{type(error).__name__}: {error}") from error

    @wraps(operation)
    def again(*args: P.args, **kwargs: P.kwargs) -> T:
        return RETRYING(once, *args, **kwargs)

    return again


class Folder:
    """A folder on a file system.

    ``name`` arguments of its methods are relative paths below the folder, with ``/`` as the separator.

    Args:
        url: a path, or an fsspec URL (``file://``, ``s3://``, ``memory://``, ...).

    Raises:
        StoreError: fsspec can't open the URL.
    """

    def __init__(self, url: str) -> None:
        try:
            # Other processes write here too, so listings must not be cached.
            self.fs, self.root = url_to_fs(url, use_listings_cache=False)
        except Exception as error:  # noqa: BLE001 - each file system raises its own exceptions
            raise StoreError(
                "a store URL that fsspec can open",
                f"{url!r} ({error})",
                "give a folder, or install the extra for this file system",
            ) from None
        self.local = isinstance(self.fs, fsspec.implementations.local.LocalFileSystem)

    def path(self, name: str) -> str:
        """The path of ``name`` on the file system."""
        return posixpath.join(self.root, name) if name else self.root

    def url(self, name: str = "") -> str:
        """The absolute path or the URL of ``name``, for other processes."""
        path = self.path(name)
        return path if self.local else str(self.fs.unstrip_protocol(path))

    @_retried
    def exists(self, name: str) -> bool:
        """Whether the file exists."""
        if self.local:
            return disk.exists(self.path(name))
        try:
            return bool(self.fs.info(self.path(name))["type"] == "file")
        except FileNotFoundError:
            return False

    @_retried
    def names(self, folder: str = "") -> list[str]:
        """The names of the entries of ``folder``, sorted; empty if there is no such folder."""
        path = self.path(folder)
        if self.local:
            return sorted(disk.names(path))
        self.fs.invalidate_cache(path)
        try:
            entries = self.fs.ls(path, detail=False)
        except FileNotFoundError:
            return []
        # Some stores keep an empty folder and list it as its own entry.
        return sorted(posixpath.basename(entry.rstrip("/")) for entry in entries if entry.rstrip("/") != path)

    def names_of(self, folders: Sequence[str]) -> list[list[str]]:
        """``names`` of several folders, concurrently where the file system supports it."""
        if self.local:
            return self._names_on_disk(folders)
        if not getattr(self.fs, "async_impl", False):
            return [self.names(folder) for folder in folders]
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            return list(threads.map(self.names, folders))

    @_retried
    def _names_on_disk(self, folders: Sequence[str]) -> list[list[str]]:
        return [sorted(disk.names(self.path(folder))) for folder in folders]

    @_retried
    def read(self, name: str, start: int | None = None, stop: int | None = None) -> bytes:
        """Read a file, or its bytes ``start`` to ``stop``; raises FileNotFoundError."""
        if self.local:
            return disk.read(self.path(name), start, stop)
        content: bytes = self.fs.cat_file(self.path(name), start=start, end=stop)
        return content

    @_retried
    def find(self, folder: str) -> list[str]:
        """The names of all files below ``folder``, recursively and sorted, as arguments for ``read``."""
        path = self.path(folder)
        self.fs.invalidate_cache(path)
        found = disk.find(path) if self.local else self.fs.find(path)
        return sorted(posixpath.join(folder, entry[len(path) :].lstrip("/")) for entry in found)

    @_retried
    def read_many(self, pieces: Sequence[tuple[str, int | None, int | None]]) -> list[bytes | None]:
        """Read slices (name, start, stop) of files, concurrently where the file system supports it.

        Returns:
            The bytes of each slice, or None if the file does not exist.
        """
        if not pieces:
            return []
        if self.local:
            return [self._read_if_there(*piece) for piece in pieces]
        names, starts, stops = (list(column) for column in zip(*pieces, strict=True))
        found = self.fs.cat_ranges([self.path(name) for name in names], starts, stops, on_error="return")
        for content in found:
            if isinstance(content, Exception) and not isinstance(content, FileNotFoundError):
                raise content
        return [None if isinstance(content, Exception) else content for content in found]

    def _read_if_there(self, name: str, start: int | None, stop: int | None) -> bytes | None:
        try:
            return disk.read(self.path(name), start, stop)
        except FileNotFoundError:
            return None

    @_retried
    def read_with(self, name: str, consume: Callable[[IO[bytes]], T]) -> T:
        """Open a file for random access, pass it to ``consume`` and return its result; raises FileNotFoundError.

        After a transient failure, the file is opened again and ``consume`` called again.
        """
        path = self.path(name)
        with Path(path).open("rb") if self.local else self.fs.open(path, "rb") as file:
            return consume(file)

    def write(self, name: str, content: bytes) -> None:
        """Write a file atomically, replacing any file of that name."""
        self.write_with(name, lambda file: file.write(content))

    @_retried
    def write_with(self, name: str, produce: Callable[[IO[bytes]], T]) -> T:
        """Write a file atomically: pass it to ``produce``, publish it when that returns, and return its result.

        After a transient failure, ``produce`` is called again with a new file.
        """
        with self._writer(name) as file:
            return produce(file)

    @contextmanager
    def _writer(self, name: str) -> Iterator[IO[bytes]]:
        path = self.path(name)
        # An object store publishes a file when it is closed; on a disk it has to be renamed.
        target = f"{path}.{uuid.uuid4().hex}.tmp" if self.local else path
        file: Any = disk.create(target) if self.local else self.fs.open(target, "wb")
        try:
            yield file
            file.close()
            if self.local:
                Path(target).replace(path)
        except BaseException:
            self._discard(file, target)
            raise

    @_retried
    def remove(self, name: str) -> None:
        """Remove a file; does nothing if it does not exist."""
        with suppress(FileNotFoundError):
            self.fs.rm_file(self.path(name))

    @_retried
    def remove_tree(self, name: str) -> None:
        """Remove a file, or a folder with everything in it; does nothing if it does not exist."""
        path = self.path(name)
        with suppress(FileNotFoundError):
            if self.local:
                disk.remove_tree(path)
            else:
                self.fs.invalidate_cache(path)
                self.fs.rm(path, recursive=True)

    @_retried
    def size(self, folder: str = "") -> int:
        """The bytes of all files below ``folder``, recursively; 0 if there is no such folder."""
        path = self.path(folder)
        if self.local:
            return disk.size(path)
        self.fs.invalidate_cache(path)
        return sum(found["size"] for found in self.fs.find(path, detail=True).values())

    def _discard(self, file: Any, target: str) -> None:
        if not self.local:
            with suppress(Exception):  # a store that failed may fail again
                file.discard()  # aborts the upload
            if isinstance(file, fsspec.spec.AbstractBufferedFile):
                file.closed = True  # otherwise the garbage collector would complete the upload
            return
        with suppress(OSError):
            file.close()  # fails again on a full disk
        with suppress(OSError):
            self.fs.rm_file(target)
