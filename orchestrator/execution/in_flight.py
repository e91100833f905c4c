"""What was sent and isn't done: which of its executions are alive, and which have to be given up."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from core.run.records import Attempt

LEASE = 30.0  # seconds without a sign of life (one comes every 5) before a worker counts as lost


@dataclass
class _Sight:
    """When an execution was first seen, and its newest sign of life."""

    worker: str
    first: float
    beat: int
    beat_at: float


@dataclass
class Flight:
    """A part that was sent: the executions known before, and what was seen of those since.

    All times are those of this process's steady clock, since the clocks of others may jump.
    """

    known: frozenset[str]
    copied: bool = False
    _sights: dict[str, _Sight] = field(default_factory=dict)

    def new(self, attempts: list[Attempt]) -> list[Attempt]:
        """The executions since the part was sent."""
        return [attempt for attempt in attempts if attempt.task_id not in self.known]

    def fault(
        self, attempt: Attempt, now: float, dead: Container[str], lease: float, limit: float | None
    ) -> str | None:
        """Why an execution that gave no error has to be given up; None while it may still come to its end."""
        sight = self._sights.get(attempt.task_id)
        if sight is None or attempt.worker != sight.worker or attempt.beat < sight.beat:
            # Also where a worker gave its message back, and another one has it.
            sight = self._sights[attempt.task_id] = _Sight(attempt.worker, now, attempt.beat, now)
        if attempt.beat != sight.beat:
            sight.beat, sight.beat_at = attempt.beat, now
        if attempt.worker in dead:
            return f"WorkerDied: {attempt.worker}"
        if now - sight.beat_at > lease:
            return f"NoSignOfLife: nothing from {attempt.worker} for {lease:.0f} s"
        # Its worker should have ended it; the lease is for a worker that can't say so.
        if limit is not None and now - sight.first > limit + lease:
            return f"TimeLimitExceeded: still running on {attempt.worker} after {now - sight.first:.0f} s"
        return None

    def running(self, now: float) -> float:
        """Seconds since an execution was first seen."""
        return now - min((sight.first for sight in self._sights.values()), default=now)

    def forgive(self, now: float) -> None:
        """Begin each lease anew: for a while no sign of life could be seen."""
        for sight in self._sights.values():
            sight.beat_at = now
