"""The store: every operation that a run relies on, tried with a small file."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from uuid import uuid4

from core.errors import AdvshardError
from core.storage.folder import Folder
from orchestrator.doctor.finding import Finding, failed, note, ok

_LITTLE = 1_000_000_000
_ADVICE = "check the path, its rights and its credentials, or give another --store"


def check_store(url: str) -> list[Finding]:
    """Write, read, list, replace and remove; then what isn't needed but good to know."""
    name = f".advshard-doctor-{uuid4().hex}"
    try:
        folder = Folder(url)
    except AdvshardError as error:
        return [failed("store", str(error), _ADVICE)]
    where = folder.url()
    try:
        wrong = _wrong(folder, name)
        if wrong:
            return [failed("store", f"{where} {wrong}", "use a store that shows at once what was written")]
        return [
            ok("store", f"{where} can be written, read, listed and replaced"),
            *_exclusive(folder, f"{name}-once"),
            *_space(folder),
        ]
    except Exception as error:
        # Each file system has its own exceptions for missing rights, names and networks.
        return [failed("store", f"{where} can't be used ({type(error).__name__}: {error})", _ADVICE)]
    finally:
        for each in (name, f"{name}-once"):
            with suppress(Exception):
                folder.remove(each)


def _wrong(folder: Folder, name: str) -> str | None:
    """What the store does otherwise than a run needs it."""
    folder.write(name, b"first")
    if folder.read(name) != b"first":
        return "gives back other bytes than were written"
    if name not in folder.names():
        return "does not list a file that was just written"
    folder.write(name, b"the second")
    if folder.read(name) != b"the second":
        return "gives back a file that was replaced"
    if folder.read(name, 4, 7) != b"sec":
        return "gives back another slice of a file than was asked for"
    folder.remove(name)
    if folder.exists(name) or name in folder.names():
        return "still shows a file that was removed"
    return None


def _exclusive(folder: Folder, name: str) -> list[Finding]:
    """Whether a file can be created only where there is none: nothing here needs it."""
    advice = "no run needs it, but a program that locks by such a file can't use this store"
    detail = f"{folder.url()} does not refuse to create a file that is there"
    try:
        for content in (b"first", b"second"):
            _create(folder, name, content)
    except Exception as error:
        # FileExistsError on a disk, OSError or an error of the client on an object store.
        if folder.exists(name) and folder.read(name) == b"first":
            return [ok("store", "creates a file only where there is none")]
        return [note("store", f"{folder.url()} can't create a file on that condition ({type(error).__name__})", advice)]
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
    if free < _LITTLE:
        return [note("store", detail, "a run takes about 10 times the size of its 8-bit images; make room")]
    return [ok("store", detail)]


def clock_of_store(url: str) -> float | None:
    """How far the clock of the store is ahead of ours, in seconds; None where it doesn't say."""
    name = f".advshard-doctor-{uuid4().hex}"
    try:
        folder = Folder(url)
        before = time.time()
        folder.write(name, b"clock")
        after = time.time()
        modified = folder.fs.modified(folder.path(name)).timestamp()
        folder.remove(name)
    except Exception:
        return None  # the store's own check says what is wrong with it
    return distance(modified, before, after)


def distance(seen: float, before: float, after: float) -> float:
    """How far ``seen`` is outside of the time in which it was read, in seconds."""
    return min(seen - before, 0.0) or max(seen - after, 0.0)
