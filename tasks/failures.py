"""Records the failure of a task in the store.

Celery sends this signal in the pool process for an exception, and in the worker's main process if the pool process was
lost, so the orchestrator learns of both immediately.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from celery.signals import task_failure

from core.run.records import Attempt
from core.run.work_unit import REDUCE
from tasks.messages import open_run, range_of

_log = logging.getLogger(__name__)


@task_failure.connect  # type: ignore[untyped-decorator]
def record_failure(
    task_id: str = "",
    exception: BaseException | None = None,
    kwargs: dict[str, Any] | None = None,
    **_: Any,
) -> None:
    """Mark the attempt ``task_id`` as failed."""
    kwargs = kwargs or {}
    error = f"{type(exception).__name__}: {exception}"
    try:
        run, manifest = open_run(kwargs.get("run"))
        unit = range_of(manifest, kwargs["first"], kwargs["last"]) if "first" in kwargs else REDUCE
        known = {attempt.task_id: attempt for attempt in run.attempts.of(unit)}
        attempt = known.get(task_id) or Attempt(task_id=task_id, worker="unknown", started=time.time())
        # A process that is about to be ended for its time limit may renew its heartbeat once more.
        run.attempts.give_up(unit, attempt, error)
    except Exception:  # noqa: BLE001 - the store may be what failed; the orchestrator misses the heartbeat instead
        _log.exception("the failure of %s could not be recorded: %s", task_id, error)
