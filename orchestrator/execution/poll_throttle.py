"""Limits how often the store is polled, depending on how long a poll takes."""

from __future__ import annotations

from types import TracebackType

from orchestrator.execution.clock import Clock, SteadyClock

_SHARE = 10  # a look may take a tenth of the time
_LONGEST = 10.0  # seconds between two looks at most; a lease is three times as long


class PollThrottle:
    """A context manager around each poll; ``due`` says whether the next one may begin."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SteadyClock()
        self._began = self._next = self._clock.now()

    def due(self) -> bool:
        """Whether the next poll is due."""
        return self._clock.now() >= self._next

    def __enter__(self) -> None:
        self._began = self._clock.now()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        now = self._clock.now()
        # A look that failed gave no information, however long it took.
        self._next = now if kind else now + min(_LONGEST, _SHARE * (now - self._began))
