"""Who drives a run: a small file in the run, renewed while the orchestrator lives."""

from __future__ import annotations

import os
import socket
import time
from uuid import uuid4

from pydantic import ValidationError

from core.contracts import Value
from core.errors import StoreError
from core.store import RunStore

BEAT = 2.0  # seconds between two renewals
FRESH = 10.0  # seconds after which an orchestrator counts as gone


class Driver(Value):
    """One orchestrator at work, as of ``seen`` (seconds since the epoch)."""

    token: str
    host: str
    pid: int
    seen: float

    @property
    def fresh(self) -> bool:
        """Whether it gave a sign of life just now."""
        return abs(time.time() - self.seen) < FRESH


def driver_of(run: RunStore) -> Driver | None:
    """Who drove the run last."""
    content = run.orchestrator()
    try:
        return Driver.model_validate_json(content) if content else None
    except ValidationError:
        return None


class Presence:
    """Our own sign of life in a run."""

    def __init__(self, run: RunStore) -> None:
        self._run = run
        self._token = uuid4().hex
        self._next = 0.0

    def other(self) -> Driver | None:
        """Another orchestrator that is at work on the run."""
        driver = driver_of(self._run)
        return driver if driver and driver.fresh and driver.token != self._token else None

    def beat(self, last: bool = False) -> None:
        """Renew it when it is time; with ``last``, say that we are gone. Raises StoreError."""
        if time.monotonic() < self._next and not last:
            return
        self._next = time.monotonic() + BEAT
        seen = 0.0 if last else time.time()
        driver = Driver(token=self._token, host=socket.gethostname(), pid=os.getpid(), seen=seen)
        try:
            self._run.write_orchestrator(driver.model_dump_json().encode())
        except OSError as error:
            raise StoreError(
                f"a store that can be written at {self._run.url}",
                f"{type(error).__name__}: {error.strerror or error}",
                "make room or repair it, then resume the run",
            ) from None
