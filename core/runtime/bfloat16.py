"""Says whether this machine's processor multiplies bfloat16 numbers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from core.runtime.onednn import ONEDNN

Precision = Literal["float32", "bfloat16"]
LIMIT = "ONEDNN_MAX_CPU_ISA"  # the widest instructions that oneDNN may use
_INSTRUCTIONS = ("amx_bf16", "avx512_bf16")  # each rounds in another order
_ALLOWED = {"amx_bf16": ("AMX", "DEFAULT", "ALL"), "avx512_bf16": ("AMX", "BF16", "FP16", "AVX10", "DEFAULT", "ALL")}


def bfloat16_instructions(cpuinfo: str | None = None, environment: Mapping[str, str] = os.environ) -> str | None:
    """The processor's fastest instructions for bfloat16 that TensorFlow may use.

    Without them oneDNN imitates them, which takes longer than float32.

    Args:
        cpuinfo: the text of ``/proc/cpuinfo``, this machine's by default.
        environment: its variables; some of them limit oneDNN.

    Returns:
        The name of the processor's flag, or None.

    Example:
        >>> bfloat16_instructions("flags : avx512f avx512_bf16", {})
        'avx512_bf16'
        >>> bfloat16_instructions("flags : avx512f avx512_bf16", {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"})
    """
    if cpuinfo is None:
        try:
            cpuinfo = Path("/proc/cpuinfo").read_text()
        except OSError:
            return None
    flags = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "").split()
    limit = environment.get(LIMIT, "").upper() or "ALL"
    if environment.get(ONEDNN) == "0":
        return None
    return next(
        (name for name in _INSTRUCTIONS if name in flags and any(word in limit for word in _ALLOWED[name])), None
    )
