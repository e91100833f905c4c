"""How long something has been unreachable."""

from __future__ import annotations

from orchestrator.execution.clock import Clock


class Outage:
    """Call ``lasted`` at each failure and ``end`` at each success."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None

    def lasted(self) -> float:
        """Seconds since the first failure without a success."""
        if self._since is None:
            self._since = self._clock.now()
        return self._clock.now() - self._since

    def end(self) -> None:
        """Record a success."""
        self._since = None
