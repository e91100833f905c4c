"""The remote control command that ``doctor`` sends to workers: software, machine, and access to a store.

It runs in the worker's main process, so that it responds while the pool is busy.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from typing import Any

from celery.worker.control import inspect_command

from core.errors import IntegrityError
from core.runtime.fingerprint import processor, versions
from core.runtime.memory import memory
from core.runtime.settings import settings
from core.storage.folder import Folder
from tasks.messages import check_place
from tasks.refused import refused

STORE_TIMEOUT = 5.0  # seconds; a store may hang, for example a network folder without a connection
_TOKEN = re.compile(r"[0-9a-f]{32}")


def probe_file(token: str) -> str:
    """The name of the probe file in a store; raises IntegrityError unless the token is 32 hexadecimal digits."""
    if not _TOKEN.fullmatch(token):
        raise IntegrityError(f"{token!r} is not the token of a probe")
    return f".advshard-probe-{token}"


@inspect_command(args=[("store", str), ("token", str)], signature="STORE TOKEN")  # type: ignore[untyped-decorator]
def advshard_probe(state: Any, store: str = "", token: str = "") -> dict[str, Any]:
    """Report this worker's software and machine, and the SHA-256 of a probe file if it may open that store.

    Args:
        state: of the worker, from Celery.
        store: URL of the store.
        token: that of the probe file.
    """
    found = memory()
    return {
        "versions": versions(),
        "processor": processor(),
        "queues": [queue.name for queue in state.consumer.task_consumer.queues],
        "store": settings().bound_store,
        "refused": refused(),
        "processes": state.consumer.controller.concurrency,
        "memory": found.total if found else None,
        "available": found.available if found else None,
        **read_probe(store, token),
        "time": time.time(),
    }


def read_probe(store: str, token: str, timeout: float = STORE_TIMEOUT) -> dict[str, str]:
    """Read the probe file in a thread, so that the worker never hangs with a store.

    Args:
        store: URL of the store, as the worker would open it.
        token: that of the probe file, see ``probe_file``.
        timeout: seconds to wait for the store.

    Returns:
        The file's ``sha256``, or an ``error``.
    """
    answer: dict[str, str] = {}

    def look() -> None:
        try:
            check_place(store)
            answer["sha256"] = hashlib.sha256(Folder(store).read(probe_file(token))).hexdigest()
        except Exception as error:  # noqa: BLE001 - each file system raises its own exceptions
            answer["error"] = f"{type(error).__name__}: {error}"

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(timeout)
    return dict(answer) or {"error": f"no response from the store within {timeout:g} s"}
