"""Checks the store: every operation that a run relies on, with a small file."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from uuid import uuid4

from core.errors import AdvshardError
from core.storage.folder import Folder
from orchestrator.doctor.finding import Finding, failed, note, ok

_LOW_SPACE = 1_000_000_000  # bytes
_ADVICE = "check the path, its permissions and its credentials, or give another --store"


def check_store(url: str) -> list[Finding]:
    """Check that files can be written, read, listed, replaced and removed; then exclusive creation and free space."""
    name = f".advshard-doctor-{uuid4().hex}"
    try:
        folder = Folder(url)
    except AdvshardError as error:
        return [failed("store", str(error), _ADVICE)]
    where = folder.url()
    try:
        wrong = _first_wrong_result(folder, name)
        if wrong:
            return [failed("store", f"{where} {wrong}", "use a store with read-after-write consistency")]
        return [
            ok("store", f"{where} can be written, read, listed and replaced"),
            *_exclusive(folder, f"{name}-once"),
            *_space(folder),
        ]
    except Exception as error:  # noqa: BLE001 - each file system raises its own exceptions
        return [failed("store", f"{where} can't be used ({type(error).__name__}: {error})", _ADVICE)]
    finally:
        for each in (name, f"{name}-once"):
            with suppress(Exception):
                folder.remove(each)


def _first_wrong_result(folder: Folder, name: str) -> str | None:
    """The first operation whose result is wrong, as a message; None if all are right."""
    folder.write(name, b"first")
    if folder.read(name) != b"first":
        return "returns bytes other than those written"
    if name not in folder.names():
        return "does not list a file that was just written"
    folder.write(name, b"the second")
    if folder.read(name) != b"the second":
        return "returns the old content of a replaced file"
    if folder.read(name, 4, 7) != b"sec":
        return "returns the wrong slice of a file"
    folder.remove(name)
    if folder.exists(name) or name in folder.names():
        return "still has a file that was removed"
    return None


def _exclusive(folder: Folder, name: str) -> list[Finding]:
    """Check exclusive creation, which no run needs."""
    advice = "no run needs it, but programs that use lock files can't use this store"
    detail = f"{folder.url()} does not refuse to create a file that exists"
    try:
        for content in (b"first", b"second"):
            _create(folder, name, content)
    except Exception as error:  # noqa: BLE001 - FileExistsError on a disk, a client's own on an object store
        if folder.exists(name) and folder.read(name) == b"first":
            return [ok("store", "refuses to create a file that exists")]
        return [note("store", f"{folder.url()} can't create files exclusively ({type(error).__name__})", advice)]
    return [note("store", detail, advice)]


def _create(folder: Folder, name: str, content: bytes) -> None:
    if folder.local:
        with folder.fs.open(folder.path(name), "xb") as file:
            file.write(content)
    else:
        folder.fs.pipe_file(folder.path(name), content, mode="create")


def _space(folder: Folder) -> list[Finding]:
    if not folder.local:
        return []
    free = shutil.disk_usage(folder.root).free
    detail = f"{free / 1e9:.1f} GB free"
    if free < _LOW_SPACE:
        return [note("store", detail, "a run takes about 10 times the size of its 8-bit images; free some space")]
    return [ok("store", detail)]


def clock_of_store(url: str) -> float | None:
    """Measure how far the store's clock is ahead of this machine's, in seconds; None if it is unknown."""
    name = f".advshard-doctor-{uuid4().hex}"
    try:
        folder = Folder(url)
        before = time.time()
        folder.write(name, b"clock")
        after = time.time()
        modified = folder.fs.modified(folder.path(name)).timestamp()
        folder.remove(name)
    except Exception:  # noqa: BLE001 - each file system raises its own; ``check_store`` reports the problem
        return None
    return distance(modified, before, after)


def distance(seen: float, before: float, after: float) -> float:
    """The signed distance of the clock reading ``seen`` from the interval in which it was taken, in seconds."""
    return min(seen - before, 0.0) or max(seen - after, 0.0)
