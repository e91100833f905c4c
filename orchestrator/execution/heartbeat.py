"""The heartbeat of an orchestrator: a small document in the run, renewed while the process lives."""

from __future__ import annotations

import logging
import os
import socket
import time
from uuid import uuid4

from core.errors import StoreError
from core.run.records import Orchestrator
from core.run.run_store import RunStore
from core.storage.folder import is_final

INTERVAL = 2.0  # seconds between two heartbeats
EXPIRY = 10.0  # seconds without one after which an orchestrator counts as gone
_log = logging.getLogger(__name__)


def current_orchestrator(run: RunStore) -> Orchestrator | None:
    """The orchestrator that drives the run at the moment, or None."""
    return next((each for each in reversed(run.orchestrators.all()) if _is_current(each)), None)


def _is_current(orchestrator: Orchestrator) -> bool:
    return not orchestrator.gone and abs(time.time() - orchestrator.seen) < EXPIRY


class Heartbeat:
    """The heartbeat of this process in a run."""

    def __init__(self, run: RunStore) -> None:
        self._run = run
        self._token = uuid4().hex
        self._next = 0.0

    def renew(self, *, now: bool = False, gone: bool = False, **counts: int) -> None:
        """Write the heartbeat if it is due.

        Args:
            now: write it even if it is not due.
            gone: record that this process ends.
            counts: what this process did so far, fields of ``Orchestrator``.

        Raises:
            StoreError: the store refuses it permanently.
        """
        if time.monotonic() < self._next and not (now or gone):
            return
        self._next = time.monotonic() + INTERVAL
        orchestrator = Orchestrator(
            token=self._token, host=socket.gethostname(), pid=os.getpid(), seen=time.time(), gone=gone, **counts
        )
        try:
            self._run.orchestrators.write(orchestrator)
        except OSError as error:
            if not is_final(error):
                _log.debug("no heartbeat written: %s", error)  # the scheduler finds out, and waits
                return
            raise StoreError(
                f"a store that can be written at {self._run.url}",
                f"{type(error).__name__}: {error.strerror or error}",
                "make room or repair it, then resume the run",
            ) from None
