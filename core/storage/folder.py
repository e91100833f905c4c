"""Files in a folder on any fsspec file system, written so that a reader never sees half of one.

Every operation can be done twice, so one that fails for a passing reason (a network, a server that is
too busy) is tried again for some seconds. What fails in the end is an OSError, whatever the file system raised.
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

_PATIENCE = 12.0  # seconds
_AT_ONCE = 32  # listings
_FINAL_ERRORS = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError)
_FINAL_NUMBERS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.ENAMETOOLONG}


def is_final(error: BaseException) -> bool:
    """Whether an error of a file system will not pass by itself: no such file, no right, no room."""
    return isinstance(error, _FINAL_ERRORS) or getattr(error, "errno", None) in _FINAL_NUMBERS


RETRYING = tenacity.Retrying(
    retry=tenacity.retry_if_exception(lambda error: isinstance(error, OSError) and not is_final(error)),
    wait=tenacity.wait_random_exponential(multiplier=0.2, max=3.0),
    # What takes longer than that by itself gets its chances too.
    stop=tenacity.stop_all(tenacity.stop_after_delay(_PATIENCE), tenacity.stop_after_attempt(3)),
    reraise=True,
)


def _tried_again(operation: Callable[P, T]) -> Callable[P, T]:
    """The operation, with OSErrors that pass waited out and every other exception of a file system made one."""

    def once(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return operation(*args, **kwargs)
        except (OSError, ValueError, AdvshardError):
            raise
        except Exception as error:
            # Each file system has its own exceptions for networks and servers; Python's own are mistakes of ours.
            if type(error).__module__ == "builtins":
                raise
            raise OSError(errno.EIO, f"{type(error).__name__}: {error}") from error

    @wraps(operation)
    def again(*args: P.args, **kwargs: P.kwargs) -> T:
        return RETRYING(once, *args, **kwargs)

    return again


class Folder:
    """A folder by its URL (a path, ``file://``, ``s3://``, ``memory://``, ...).

    Names below are relative to it, with ``/`` between their parts.
    """

    def __init__(self, url: str) -> None:
        try:
            # Other processes write here too: nothing may be answered from a cached listing.
            self.fs, self.root = url_to_fs(url, use_listings_cache=False)
        except Exception as error:
            # Each file system has its own exceptions, for missing options as for hosts that don't answer.
            raise StoreError(
                "a store URL that fsspec can open", f"{url!r} ({error})", "give a folder, or install the extra for it"
            ) from None
        self.local = isinstance(self.fs, fsspec.implementations.local.LocalFileSystem)

    def path(self, name: str) -> str:
        """The path of ``name`` on the file system."""
        return posixpath.join(self.root, name) if name else self.root

    def url(self, name: str = "") -> str:
        """``name`` as others can open it: an absolute path, or a URL."""
        path = self.path(name)
        return path if self.local else str(self.fs.unstrip_protocol(path))

    @_tried_again
    def exists(self, name: str) -> bool:
        """Whether the file is there."""
        if self.local:
            return disk.exists(self.path(name))
        try:
            return bool(self.fs.info(self.path(name))["type"] == "file")
        except FileNotFoundError:
            return False

    @_tried_again
    def names(self, folder: str = "") -> list[str]:
        """The names of what is in ``folder``, without it; empty if there is no such folder."""
        path = self.path(folder)
        if self.local:
            return sorted(disk.names(path))
        self.fs.invalidate_cache(path)
        try:
            entries = self.fs.ls(path, detail=False)
        except FileNotFoundError:
            return []
        # Some stores keep a folder that was emptied, and list it as its own content.
        return sorted(posixpath.basename(entry.rstrip("/")) for entry in entries if entry.rstrip("/") != path)

    def names_of(self, folders: Sequence[str]) -> list[list[str]]:
        """``names`` of several folders, together where the store can."""
        if self.local:
            return self._names_on_disk(folders)
        if not getattr(self.fs, "async_impl", False):
            return [self.names(folder) for folder in folders]
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            return list(threads.map(self.names, folders))

    @_tried_again
    def _names_on_disk(self, folders: Sequence[str]) -> list[list[str]]:
        return [sorted(disk.names(self.path(folder))) for folder in folders]

    @_tried_again
    def read(self, name: str, start: int | None = None, stop: int | None = None) -> bytes:
        """The bytes of a file, or its slice; raises FileNotFoundError."""
        if self.local:
            return disk.read(self.path(name), start, stop)
        content: bytes = self.fs.cat_file(self.path(name), start=start, end=stop)
        return content

    @_tried_again
    def find(self, folder: str) -> list[str]:
        """The names of all files in ``folder`` and in its folders, sorted, as ``read`` takes them."""
        path = self.path(folder)
        self.fs.invalidate_cache(path)
        found = disk.find(path) if self.local else self.fs.find(path)
        return sorted(posixpath.join(folder, entry[len(path) :].lstrip("/")) for entry in found)

    @_tried_again
    def read_many(self, pieces: Sequence[tuple[str, int | None, int | None]]) -> list[bytes | None]:
        """Slices (name, start, stop) of files, together where the store can; None where the file isn't there."""
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

    @_tried_again
    def read_with(self, name: str, consume: Callable[[IO[bytes]], T]) -> T:
        """Let ``consume`` read a file at any place of it; what it returned. Raises FileNotFoundError.

        Where the store fails for a passing reason, ``consume`` is called again, with the file opened anew.
        """
        path = self.path(name)
        with Path(path).open("rb") if self.local else self.fs.open(path, "rb") as file:
            return consume(file)

    def write(self, name: str, content: bytes) -> None:
        """Put a file there at once, in place of any other of its name."""
        self.write_with(name, lambda file: file.write(content))

    @_tried_again
    def write_with(self, name: str, produce: Callable[[IO[bytes]], T]) -> T:
        """Let ``produce`` write a file, which appears whole when that returns; what it returned.

        Where the store fails for a passing reason, ``produce`` is called again, with a new file.
        """
        with self._writer(name) as file:
            return produce(file)

    @contextmanager
    def _writer(self, name: str) -> Iterator[IO[bytes]]:
        path = self.path(name)
        # On an object store a file appears when it is closed; on a disk it has to be renamed.
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

    @_tried_again
    def remove(self, name: str) -> None:
        """Take a file away; nothing happens if it isn't there."""
        with suppress(FileNotFoundError):
            self.fs.rm_file(self.path(name))

    def _discard(self, file: Any, target: str) -> None:
        if not self.local:
            with suppress(Exception):  # the store that failed may fail here once more
                file.discard()  # leaves an unfinished upload unfinished
            if isinstance(file, fsspec.spec.AbstractBufferedFile):
                file.closed = True  # or the garbage collector would finish it
            return
        with suppress(OSError):
            file.close()  # a full disk fails here once more
        with suppress(OSError):
            self.fs.rm_file(target)
