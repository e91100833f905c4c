"""A small disk that can be full: a tmpfs in a mount namespace of its own, gone with its holder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_AS_ROOT = os.geteuid() == 0
_UNSHARE = ["unshare", "--mount"] if _AS_ROOT else ["unshare", "--mount", "--map-root-user"]
_MOUNT = 'mount -t tmpfs -o size="$1" advshard "$2" && echo mounted && exec sleep 900'


class NoMountError(Exception):
    """No file system can be mounted here; the text says why."""


@dataclass
class SmallDisk:
    """A disk at ``path``, for processes behind ``prefix``; for others it is at ``outside``."""

    path: Path
    outside: Path
    prefix: tuple[str, ...]

    @classmethod
    @contextmanager
    def mounted(cls, path: Path, megabytes: int) -> Iterator[SmallDisk]:
        """Raises NoMountError where it can't be had."""
        path.mkdir(parents=True, exist_ok=True)
        try:
            holder = subprocess.Popen(
                [*_UNSHARE, "sh", "-c", _MOUNT, "sh", f"{megabytes}m", str(path)],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        except OSError as error:
            raise NoMountError(f"unshare: {error.strerror}") from None
        assert holder.stdout is not None
        try:
            said = holder.stdout.readline().strip()
            if said != "mounted":
                raise NoMountError(said or "unshare said nothing")
            user = () if _AS_ROOT else ("--user", "--preserve-credentials")
            prefix = ("nsenter", "--target", str(holder.pid), "--mount", *user, f"--wd={Path.cwd()}")
            yield cls(path, Path(f"/proc/{holder.pid}/root{path}"), prefix)
        finally:
            holder.kill()
            holder.wait()
            holder.stdout.close()

    def fill(self) -> None:
        """Leave no room."""
        with suppress(OSError), (self.outside / "ballast").open("wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()

    def empty(self) -> None:
        """Make room again."""
        (self.outside / "ballast").unlink()
