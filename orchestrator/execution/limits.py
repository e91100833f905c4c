"""How long the scheduler waits for what, and how much it sends at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Seconds, unless stated otherwise.

    Attributes:
        poll: between two looks at the store.
        lease: without a heartbeat (one comes every 5 s) before a worker counts as lost.
        idle: without any progress before what no worker has started counts as lost. Doubled each time.
        slow: that a work unit runs at least before it can get a speculative attempt.
        slow_factor: and how many times the median of the others, a number.
        patience: that the broker or the store may be unreachable.
        window: messages in flight at most, a number, so that several runs share the workers.
        few: work units in flight near the end, a number; then the store is polled more often.
    """

    poll: float = 0.2
    lease: float = 30.0
    idle: float = 10.0
    slow: float = 15.0
    slow_factor: float = 4.0
    patience: float = 120.0
    window: int = 256
    few: int = 8
