"""A worker's app with a fault in one shard (FAULT_SHARD): FAULT is one of the functions here, or ``clock``.

``celery -A tests.integration.faulty worker``
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import tasks.shard
from core.run.work_unit import ShardRange
from tasks.app import app

__all__ = ["app"]  # Celery looks for it
_module: Any = tasks.shard
_real = _module.run_shard
_clock = time.time


def kill() -> None:
    """As by a fault in native code, or by the kernel for want of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def hang() -> None:
    """Never ends, while its thread keeps renewing the heartbeat."""
    time.sleep(3600)


def hang_once() -> None:
    """The same, the first time alone."""
    try:
        Path(os.environ["FAULT_MARK"]).touch(exist_ok=False)
    except FileExistsError:
        return
    hang()


def clock() -> float:
    """A clock that jumps by up to a day at every look."""
    return _clock() + random.uniform(-86_400, 86_400)


def _faulty(run: Any, shards: ShardRange, *rest: Any, **more: Any) -> Any:
    if int(os.environ.get("FAULT_SHARD", "-1")) in shards:
        globals()[os.environ["FAULT"]]()
    return _real(run, shards, *rest, **more)


_module.run_shard = _faulty
if os.environ.get("FAULT") == "clock":
    time.time = clock
