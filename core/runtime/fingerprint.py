"""Describes a machine as far as it can change the bits of a result."""

from __future__ import annotations

import os
import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from core.runtime.onednn import ONEDNN, WANTED

RESULT_VERSION = 10  # grows with every change of the code that can change a byte of the result
PACKAGES = ("tensorflow", "keras", "numpy", "scikit-image")
# oneDNN picks its kernels by these, and each gives other bits.
_INSTRUCTIONS = ("avx512f", "avx2", "avx", "sse4_1")
_SETTINGS = {"ONEDNN_MAX_CPU_ISA": "", ONEDNN: WANTED}  # and what they are where nobody says otherwise


def versions() -> dict[str, str]:
    """The versions that a result depends on, found without importing the packages."""
    return {"advshard-result": str(RESULT_VERSION), **{package: _version(package) for package in PACKAGES}}


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def processor() -> str:
    """What this process computes on: the processor, and the GPU where TensorFlow is loaded and uses one."""
    return " ".join([_cpu(), *_gpu()])


@cache
def _cpu() -> str:
    """The architecture, the widest vector instructions, and what the environment changes of them."""
    try:
        text = Path("/proc/cpuinfo").read_text()
        flags = next(line for line in text.splitlines() if line.startswith("flags")).split()
        widest = next((name for name in _INSTRUCTIONS if name in flags), "none")
    except (OSError, StopIteration):
        widest = "unknown"
    changed = [f"{name}={os.environ[name]}" for name, own in _SETTINGS.items() if os.environ.get(name, own) != own]
    return " ".join([platform.system(), platform.machine(), widest, *changed])


def _gpu() -> list[str]:
    """The first GPU that TensorFlow sees, which is the one that it computes on; TensorFlow is not imported for it."""
    tf: Any = sys.modules.get("tensorflow")
    visible = tf.config.get_visible_devices("GPU") if tf else []
    if not visible:
        return []
    details = tf.config.experimental.get_device_details(visible[0])
    capability = ".".join(map(str, details.get("compute_capability", ())))
    return ["gpu", details.get("device_name", "unknown"), capability or "unknown"]
