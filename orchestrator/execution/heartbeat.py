"""Who drives a run: a small file in the run, renewed while the orchestrator lives."""

from __future__ import annotations

import logging
import os
import socket
import time
from uuid import uuid4

from core.errors import StoreError
from core.run.records import Driver
from core.run.run_store import RunStore
from core.storage.folder import is_final

BEAT = 2.0  # seconds between two renewals
FRESH = 10.0  # seconds after which an orchestrator counts as gone
_log = logging.getLogger(__name__)


def is_fresh(driver: Driver) -> bool:
    """Whether it gave a sign of life just now."""
    return not driver.gone and abs(time.time() - driver.seen) < FRESH


def driver_of(run: RunStore) -> Driver | None:
    """Who drives the run; None where nobody does."""
    return next((driver for driver in reversed(run.drivers()) if is_fresh(driver)), None)


class Presence:
    """Our own sign of life in a run."""

    def __init__(self, run: RunStore) -> None:
        self._run = run
        self._token = uuid4().hex
        self._next = 0.0

    def beat(self, now: bool = False, gone: bool = False, **counts: int) -> None:
        """Renew it when it is time, or now, with what we did so far; at the end say that we are gone.

        Raises StoreError where the store will not take it.
        """
        if time.monotonic() < self._next and not (now or gone):
            return
        self._next = time.monotonic() + BEAT
        driver = Driver(
            token=self._token, host=socket.gethostname(), pid=os.getpid(), seen=time.time(), gone=gone, **counts
        )
        try:
            self._run.write_driver(driver)
        except OSError as error:
            if not is_final(error):
                _log.debug("no sign of life written: %s", error)  # the watch finds out and waits
                return
            raise StoreError(
                f"a store that can be written at {self._run.url}",
                f"{type(error).__name__}: {error.strerror or error}",
                "make room or repair it, then resume the run",
            ) from None
