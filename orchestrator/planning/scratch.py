"""A temporary folder on the store's disk, so that what is spooled there becomes an input by renaming."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from core.errors import StoreError
from core.storage.folder import Folder

_NAME = ".planning"
_LOCK = "lock"


@contextmanager
def scratch(store: Folder) -> Iterator[Path]:
    """A folder that is removed with its files when the block ends; in the store if that is a local folder.

    What a planner that was killed has left there is removed first.

    Raises:
        StoreError: the store can't be written.
    """
    if not store.local:
        with tempfile.TemporaryDirectory(prefix="advshard-") as folder:
            yield Path(folder)
        return
    root = Path(store.root)
    home, existed = root / _NAME, root.exists()
    _remove_abandoned(home)
    place = home / uuid4().hex
    try:
        place.mkdir(parents=True)
    except OSError as error:
        raise StoreError(
            f"a store that can be written at {store.url()}",
            f"{type(error).__name__}: {error.strerror}",
            "check the path and its rights, or give another --store",
        ) from None
    try:
        with (place / _LOCK).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        _remove_if_empty(home)
        if not existed:
            _remove_if_empty(root)


def _remove_abandoned(home: Path) -> None:
    for place in home.glob("*"):
        try:
            with (place / _LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(place, ignore_errors=True)
        except OSError:
            continue  # in use, or just being made


def _remove_if_empty(home: Path) -> None:
    try:
        home.rmdir()
    except OSError:
        return
