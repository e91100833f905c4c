"""How long the scheduler waits, and how much it sends at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Seconds, unless stated otherwise.

    Attributes:
        poll: between two polls of the store.
        lease: without a heartbeat (one comes every 5 s) before a worker counts as lost.
        idle: without progress before unstarted messages count as lost. Doubled each time.
        slow: minimum running time of a work unit before a speculative attempt.
        slow_factor: the same, as a multiple of the median running time.
        patience: how long the broker or the store may be unreachable.
        window: messages in flight at most, a number, so that several runs share the workers.
        few: number of work units in flight below which the store is polled more often.
    """

    poll: float = 0.2
    lease: float = 30.0
    idle: float = 10.0
    slow: float = 15.0
    slow_factor: float = 4.0
    patience: float = 120.0
    window: int = 256
    few: int = 8
