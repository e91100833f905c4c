"""Files in a folder on any fsspec file system, written so that a reader never sees half of one."""

from __future__ import annotations

import posixpath
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

import fsspec
from fsspec.core import url_to_fs

from core.errors import StoreError


class Folder:
    """A folder by its URL (a path, ``file://``, ``s3://``, ``memory://``, ...).

    Names below are relative to it, with ``/`` between their parts.
    """

    def __init__(self, url: str) -> None:
        try:
            self.fs, self.root = url_to_fs(url)
        except Exception as error:
            # Each file system has its own exceptions, for missing options as for hosts that don't answer.
            raise StoreError(
                "a store URL that fsspec can open", f"{url!r} ({error})", "give a folder, or install the extra for it"
            ) from None
        self.local = isinstance(self.fs, fsspec.implementations.local.LocalFileSystem)
        # Other processes write here too: nothing may be answered from a cached listing.
        self.fs.use_listings_cache = False

    def path(self, name: str) -> str:
        """The path of ``name`` on the file system."""
        return posixpath.join(self.root, name) if name else self.root

    def url(self, name: str = "") -> str:
        """``name`` as others can open it: an absolute path, or a URL."""
        path = self.path(name)
        return path if self.local else str(self.fs.unstrip_protocol(path))

    def exists(self, name: str) -> bool:
        """Whether the file is there."""
        return bool(self.fs.isfile(self.path(name)))

    def names(self, folder: str = "") -> list[str]:
        """The names of what is in ``folder``, without it; empty if there is no such folder."""
        path = self.path(folder)
        self.fs.invalidate_cache(path)
        try:
            entries = self.fs.ls(path, detail=False)
        except FileNotFoundError:
            return []
        # Some stores keep a folder that was emptied, and list it as its own content.
        return sorted(posixpath.basename(entry.rstrip("/")) for entry in entries if entry.rstrip("/") != path)

    def read(self, name: str, start: int | None = None, stop: int | None = None) -> bytes:
        """The bytes of a file, or its slice; raises FileNotFoundError."""
        content: bytes = self.fs.cat_file(self.path(name), start=start, end=stop)
        return content

    def write(self, name: str, content: bytes) -> None:
        """Put a file there at once, in place of any other of its name."""
        with self.writer(name) as file:
            file.write(content)

    @contextmanager
    def writer(self, name: str) -> Iterator[IO[bytes]]:
        """A file that appears under ``name``, whole, when the block ends without an error."""
        path = self.path(name)
        # On an object store a file appears when it is closed; on a disk it has to be renamed.
        target = f"{path}.{uuid.uuid4().hex}.tmp" if self.local else path
        if self.local:
            self.fs.makedirs(posixpath.dirname(path), exist_ok=True)
        file: Any = self.fs.open(target, "wb")
        try:
            yield file
            file.close()
            if self.local:
                self.fs.mv(target, path)
        except BaseException:
            self._discard(file, target)
            raise

    def remove(self, name: str) -> None:
        """Take a file away; nothing happens if it isn't there."""
        with suppress(FileNotFoundError):
            self.fs.rm_file(self.path(name))

    def _discard(self, file: Any, target: str) -> None:
        if not self.local:
            if hasattr(file, "discard"):
                file.discard()  # leaves an unfinished upload unfinished
                file.closed = True  # or the garbage collector would finish it
            return
        with suppress(OSError):
            file.close()  # a full disk fails here once more
        with suppress(OSError):
            self.fs.rm_file(target)
