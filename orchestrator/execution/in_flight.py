"""A work unit that was sent and is not finished: which of its attempts may still finish, and which are lost."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from core.run.records import Attempt


@dataclass
class _Sighting:
    """When an attempt was first seen, and its newest heartbeat."""

    worker: str
    first: float
    heartbeat: int
    heartbeat_at: float


@dataclass(frozen=True)
class Observation:
    """What is known about a work unit in flight.

    Attributes:
        started: whether a worker has begun an attempt since it was sent.
        alive: whether one of these attempts may still finish.
        running: seconds since the first of them was seen.
        errors: of all failed attempts so far, including those of other orchestrators and the faults.
        faults: attempts to give up, with the reason.
        speculated: whether a speculative attempt was sent.
    """

    started: bool
    alive: bool
    running: float
    errors: tuple[str, ...] = ()
    faults: tuple[tuple[Attempt, str], ...] = ()
    speculated: bool = False


@dataclass
class InFlight:
    """A work unit that was sent, and the attempts at it that were seen since.

    All times are those of this process's monotonic clock, since the clocks of other machines may jump.

    Attributes:
        known: task ids of the attempts before it was sent.
        speculated: whether a speculative attempt was sent.
    """

    known: frozenset[str]
    speculated: bool = False
    _sightings: dict[str, _Sighting] = field(default_factory=dict)

    def observe(
        self, attempts: Sequence[Attempt], now: float, dead: Container[str], lease: float, time_limit: float | None
    ) -> Observation:
        """Judge the attempts.

        Args:
            attempts: all attempts at the work unit, in the order of their start.
            now: seconds on the steady clock.
            dead: names of workers that are known to have died.
            lease: seconds without a heartbeat before a worker counts as lost.
            time_limit: seconds for one attempt, or None.
        """
        faults: dict[str, str] = {}
        started = alive = False
        for attempt in attempts:
            if attempt.task_id in self.known:
                continue
            started = True
            if attempt.error is None:
                fault = self._fault(attempt, now, dead, lease, time_limit)
                if fault:
                    faults[attempt.task_id] = fault
                else:
                    alive = True
        errors = (attempt.error or faults.get(attempt.task_id) for attempt in attempts)
        return Observation(
            started=started,
            alive=alive,
            running=now - min((sighting.first for sighting in self._sightings.values()), default=now),
            errors=tuple(error for error in errors if error),
            faults=tuple((attempt, faults[attempt.task_id]) for attempt in attempts if attempt.task_id in faults),
            speculated=self.speculated,
        )

    def renew_leases(self, now: float) -> None:
        """Start each lease anew, because no heartbeat could be seen for a while."""
        for sighting in self._sightings.values():
            sighting.heartbeat_at = now

    def _fault(
        self, attempt: Attempt, now: float, dead: Container[str], lease: float, time_limit: float | None
    ) -> str | None:
        """Why an attempt without an error has to be given up; None while it may still finish."""
        seen = self._sightings.get(attempt.task_id)
        if seen is None or attempt.worker != seen.worker or attempt.heartbeat < seen.heartbeat:
            # Also where a worker returned its message to the queue and another one has it.
            seen = self._sightings[attempt.task_id] = _Sighting(attempt.worker, now, attempt.heartbeat, now)
        if attempt.heartbeat != seen.heartbeat:
            seen.heartbeat, seen.heartbeat_at = attempt.heartbeat, now
        if attempt.worker in dead:
            return f"WorkerDied: {attempt.worker}"
        if now - seen.heartbeat_at > lease:
            return f"HeartbeatLost: nothing from {attempt.worker} for {lease:.0f} s"
        # Its worker should have ended it; the lease is for a worker that cannot say so.
        if time_limit is not None and now - seen.first > time_limit + lease:
            return f"TimeLimitExceeded: still running on {attempt.worker} after {now - seen.first:.0f} s"
        return None
