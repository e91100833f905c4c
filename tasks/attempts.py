"""The document of an attempt in the store, with its heartbeat."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.run.records import Attempt
from core.run.run_store import RunStore
from core.run.work_unit import WorkUnit

INTERVAL = 5.0  # seconds between two heartbeats
_log = logging.getLogger(__name__)


@contextmanager
def attempt(run: RunStore, unit: WorkUnit, request: Any) -> Iterator[None]:
    """Record an attempt at a work unit, and renew its heartbeat until the block ends.

    Args:
        run: the run.
        unit: what is worked on.
        request: Celery's context of the task.
    """
    value = Attempt(
        task_id=request.id,
        worker=str(request.hostname),
        started=time.time(),
        redelivered=bool((request.delivery_info or {}).get("redelivered")),
    )
    run.attempts.write(unit, value)
    ended = threading.Event()
    thread = threading.Thread(target=_renew, args=(run, unit, value, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _renew(run: RunStore, unit: WorkUnit, value: Attempt, ended: threading.Event) -> None:
    while not ended.wait(INTERVAL):
        value = value.model_copy(update={"heartbeat": value.heartbeat + 1})
        try:
            run.attempts.write(unit, value)
        except OSError as error:
            _log.warning("no heartbeat written for %s: %s", unit, error)
