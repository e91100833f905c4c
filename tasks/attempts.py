"""The record that an execution leaves in the store, and its sign of life."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.run.records import Attempt
from core.run.run_store import RunStore
from core.run.shard_range import Shards

BEAT = 5.0  # seconds between two signs of life
_log = logging.getLogger(__name__)


@contextmanager
def attempt(run: RunStore, part: Shards | str, request: Any) -> Iterator[None]:
    """Note that ``part`` (a shard, several, or REDUCE) is being worked on, and that its worker lives."""
    value = Attempt(
        task_id=request.id,
        worker=str(request.hostname),
        started=time.time(),
        redelivered=bool((request.delivery_info or {}).get("redelivered")),
    )
    run.write_attempt(part, value)
    ended = threading.Event()
    thread = threading.Thread(target=_beat, args=(run, part, value, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _beat(run: RunStore, part: Shards | str, value: Attempt, ended: threading.Event) -> None:
    while not ended.wait(BEAT):
        value = value.model_copy(update={"beat": value.beat + 1})
        try:
            run.write_attempt(part, value)
        except OSError as error:
            _log.warning("no sign of life written for %s: %s", part, error)
