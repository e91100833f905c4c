"""How far a run is, as a snapshot: what the terminal, Flower and ``status`` show."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Progress:
    """A snapshot of a run.

    Attributes:
        total_shards, total_images: of the run.
        shards, images, successes: finished, successes among their images.
        quarantined: shards that were given up.
        resent: work units sent again since this process started.
        speculative_attempts: sent since this process started.
        phase: what the run is doing.
        note: what it waits for, if anything is wrong.
        began: whether a shard was finished since this process started.
        rate: images per second lately; None until two work units have finished.
    """

    total_shards: int
    total_images: int
    shards: int = 0
    images: int = 0
    successes: int = 0
    quarantined: int = 0
    resent: int = 0
    speculative_attempts: int = 0
    phase: Literal["attack", "reduce"] = "attack"
    note: str = ""
    began: bool = False
    rate: float | None = None


class Rate:
    """Images per second over the latest work units."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, int]] = deque(maxlen=64)

    def add(self, now: float, images: int) -> None:
        """So many images were finished at ``now``, seconds on a steady clock."""
        self._recent.append((now, images))

    @property
    def began(self) -> bool:
        """Whether anything was added."""
        return bool(self._recent)

    @property
    def per_second(self) -> float | None:
        """None until images came at two different moments."""
        if len(self._recent) < 2:
            return None
        (began, before), (ended, after) = self._recent[0], self._recent[-1]
        return (after - before) / (ended - began) if ended > began and after > before else None
