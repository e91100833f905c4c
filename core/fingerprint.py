"""What a machine is, as far as it can change the bits of a result."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from core.contracts import RESULT_VERSION

_PACKAGES = ("tensorflow", "keras", "numpy", "scikit-image")
# oneDNN picks its kernels by these, and each gives other bits.
_INSTRUCTIONS = ("avx512f", "avx2", "avx", "sse4_1")


def versions() -> dict[str, str]:
    """The versions that a result depends on, read without importing the packages."""
    found = {"advshard-result": str(RESULT_VERSION)}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "none"
    return found


@cache
def processor() -> str:
    """The architecture, the widest vector instructions, and what the environment changes of them."""
    try:
        text = Path("/proc/cpuinfo").read_text()
        flags = next(line for line in text.splitlines() if line.startswith("flags")).split()
        widest = next((name for name in _INSTRUCTIONS if name in flags), "none")
    except (OSError, StopIteration):
        widest = "unknown"
    changed = [
        f"{name}={os.environ[name]}" for name in ("ONEDNN_MAX_CPU_ISA", "TF_ENABLE_ONEDNN_OPTS") if name in os.environ
    ]
    return " ".join([platform.system(), platform.machine(), widest, *changed])
