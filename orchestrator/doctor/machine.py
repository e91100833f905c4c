"""This machine: processor, cores, and the memory for the workers planned."""

from __future__ import annotations

import os
import sys

from core.runtime.fingerprint import processor
from core.runtime.memory import memory
from orchestrator.doctor.finding import Finding, failed, note, ok

PROCESS_BYTES = 800_000_000  # of a worker's process with TensorFlow and a small model


def check_machine() -> list[Finding]:
    """Processor and Python."""
    return [ok("machine", f"{processor()}, {cores()} cores, Python {sys.version.split()[0]}")]


def check_memory(workers: int) -> list[Finding]:
    """Whether so many worker processes fit."""
    found = memory()
    if found is None:
        return [
            note("memory", "this system does not say how much there is", f"a worker process takes {_gb(PROCESS_BYTES)}")
        ]
    needed = workers * PROCESS_BYTES
    limit = " (the limit of this container)" if found.limited else ""
    detail = (
        f"{_gb(found.available)} of {_gb(found.total)}{limit} available; {workers} worker processes take {_gb(needed)}"
    )
    advice = f"plan {max(1, found.available // PROCESS_BYTES)}, by --workers or --concurrency, or make room"
    if found.total < needed:
        return [failed("memory", detail, advice)]
    if found.available < needed:
        return [note("memory", detail, advice)]
    return [ok("memory", detail)]


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
