"""A worker's app in which one shard (POISON_SHARD) kills its process, as a fault in native code would."""

from __future__ import annotations

import os
import signal
from typing import Any

import tasks.shard
from tasks.app import app

__all__ = ["app"]  # Celery looks for it
_module: Any = tasks.shard
_real = _module.run_shard


def _killing(run: Any, index: int, *rest: Any, **more: Any) -> Any:
    if index == int(os.environ["POISON_SHARD"]):
        os.kill(os.getpid(), signal.SIGKILL)
    return _real(run, index, *rest, **more)


_module.run_shard = _killing
