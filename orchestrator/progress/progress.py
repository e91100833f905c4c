"""How far a run is: what the progress display, Flower and the report's history show."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass
class State:
    """Counted by one orchestrator since it started; ``done`` and what follows it by the store."""

    total: int
    images: int
    done: int = 0
    images_done: int = 0
    successes: int = 0
    quarantined: int = 0
    messages: int = 0
    retries: int = 0
    copies: int = 0
    remade: int = 0
    phase: str = "attack"
    note: str = ""
    recent: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=64))

    @property
    def rate(self) -> float | None:
        """Images a second lately; None until two shards have come."""
        if len(self.recent) < 2:
            return None
        (began, before), (ended, after) = self.recent[0], self.recent[-1]
        return (after - before) / (ended - began) if ended > began and after > before else None
