"""Checks this machine: processor, cores, and memory for the planned workers."""

from __future__ import annotations

import os
import sys

from core.runtime.fingerprint import processor
from core.runtime.memory import memory
from orchestrator.doctor.finding import Finding, failed, note, ok

PROCESS_BYTES = 800_000_000  # memory of a worker process with TensorFlow and a small model


def check_machine() -> list[Finding]:
    """Report processor, cores and Python version."""
    return [ok("machine", f"{processor()}, {cores()} cores, Python {sys.version.split()[0]}")]


def check_memory(workers: int) -> list[Finding]:
    """Check that the memory suffices for this number of worker processes."""
    found = memory()
    if found is None:
        return [note("memory", "the available memory is unknown", f"a worker process takes {_gb(PROCESS_BYTES)}")]
    needed = workers * PROCESS_BYTES
    limit = " (the limit of this container)" if found.limited else ""
    detail = (
        f"{_gb(found.available)} of {_gb(found.total)}{limit} available; {workers} worker processes take {_gb(needed)}"
    )
    advice = f"use {max(1, found.available // PROCESS_BYTES)} with --workers or --concurrency, or free memory"
    if found.total < needed:
        return [failed("memory", detail, advice)]
    if found.available < needed:
        return [note("memory", detail, advice)]
    return [ok("memory", detail)]


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
