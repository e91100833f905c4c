"""What the tests of the containers need of a machine."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

ASK = "ADVSHARD_CONTAINERS"
_PROGRAMS = ("podman", "podman-compose", "unshare", "nsenter", "ip")
_HELPERS = ("netavark", "aardvark-dns", "catatonit")
_HELPER_FOLDERS = (
    *("/usr/local/libexec/podman", "/usr/local/lib/podman", "/usr/libexec/podman", "/usr/lib/podman"),
    *("/usr/local/bin", "/usr/bin"),
)


def missing() -> str | None:
    """Why the tests can't run here, or that nobody asked for them; None if they run."""
    return next(_reasons(), None)


def _reasons() -> Iterator[str]:
    if sys.platform != "linux":
        yield "needs Linux"
    for program in _PROGRAMS:
        if not shutil.which(program):
            yield f"{program} isn't installed"
    if not (shutil.which("runc") or shutil.which("crun")):
        yield "neither runc nor crun is installed"
    for helper in _HELPERS:
        if not any((Path(folder) / helper).exists() for folder in _HELPER_FOLDERS):
            yield f"{helper} isn't installed"
    if os.geteuid() != 0:
        yield "needs root, for namespaces of its own"
    if not os.environ.get(ASK):
        yield "takes minutes"
