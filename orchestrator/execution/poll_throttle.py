"""When to look at the store again: what a look costs decides how often there is one."""

from __future__ import annotations

import time
from types import TracebackType

SHARE = 10  # a look may take a tenth of the time
LONGEST = 10.0  # seconds between two looks, whatever they take: a lease is three times as long


class Pace:
    """Use it around a look, as a context manager; ``due`` says when the next one is."""

    def __init__(self) -> None:
        self._began = self._next = 0.0

    def due(self) -> bool:
        """Whether it is time for another look."""
        return time.monotonic() >= self._next

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        now = time.monotonic()
        # A look that failed told nothing, however long it took.
        self._next = now if kind else now + min(LONGEST, SHARE * (now - self._began))
