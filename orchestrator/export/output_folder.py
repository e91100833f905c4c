"""A folder that appears under its name only when all its files are written."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import ConfigError

_MARKER = ".advshard-export"  # its lock is held while the folder is being written


@contextmanager
def output_folder(out: Path) -> Iterator[Path]:
    """Give an empty folder to write to; it is renamed to ``out`` at the end of the block, and removed after an error.

    The folder is ``.NAME.partial`` beside ``out``. What a killed export left there is removed.

    Args:
        out: a folder that doesn't exist or is empty.

    Raises:
        ConfigError: ``out`` can't be replaced, or another export is writing it.
    """
    out = out.resolve()
    _check_replaceable(out)
    partial = out.with_name(f".{out.name}.partial")
    with _claimed(partial):
        try:
            yield partial
            partial.rename(out)
            (out / _MARKER).unlink()
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def _check_replaceable(out: Path) -> None:
    if out.is_dir() and any(out.iterdir()):
        raise ConfigError("--out with a new or an empty folder", f"{out}, which has files in it", "give another name")
    if out.is_mount() or out == Path.cwd():
        raise ConfigError(
            "--out with a folder that can be replaced as a whole",
            f"{out}, which is the working directory or a mount point",
            f"give a folder in it, such as {out / 'export'}",
        )


@contextmanager
def _claimed(partial: Path) -> Iterator[None]:
    """Create the folder, or empty the one that a killed export left, and lock it for this process."""
    marker = partial / _MARKER
    if partial.exists() and not marker.exists() and any(partial.iterdir()):
        raise ConfigError("a free name for the unfinished export", f"{partial}, which no export wrote", "remove it")
    partial.mkdir(parents=True, exist_ok=True)
    lock = os.open(marker, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError("one export to a folder at a time", f"another at {partial}", "wait for it") from None
        for left in partial.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            elif left != marker:
                left.unlink()
        yield
    finally:
        os.close(lock)
