"""The state of each shard as this orchestrator knows it: open, finished or quarantined; and all counts of progress."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from core.run.records import ShardRecord
from core.run.run_store import RunStore
from core.run.work_unit import ShardRange
from orchestrator.execution.completed import Completed
from orchestrator.progress.progress import Progress, Rate


@dataclass
class Counters:
    """What this orchestrator did, for its heartbeat; see ``History``."""

    messages: int = 0
    resent: int = 0
    speculative_attempts: int = 0
    damaged_shards: int = 0


class ShardStates:
    """The shards of a run.

    Attributes:
        completed: the finished shards.
        quarantined: the shards that were given up.
        counters: what this orchestrator did.
        phase, note: see Progress.
    """

    def __init__(self, run: RunStore) -> None:
        self._run, self._manifest = run, run.manifest()
        self._damage: Counter[int] = Counter()
        self._rate = Rate()
        self.completed, self.quarantined = Completed(self._manifest), set[int]()
        self.counters = Counters()
        self.phase: Literal["attack", "reduce"] = "attack"
        self.note = ""

    def read_quarantine(self) -> None:
        """Read from the store which shards are in quarantine."""
        self.quarantined = set(self._run.quarantine.errors())

    def is_finished(self, shards: ShardRange) -> bool:
        """Whether all shards of a range are finished."""
        return all(index in self.completed for index in shards)

    def open(self, shards: Iterable[int]) -> list[int]:
        """Those of the shards that are neither finished nor quarantined."""
        return [index for index in shards if index not in self.completed and index not in self.quarantined]

    def all_open(self) -> list[int]:
        """All shards that are neither finished nor quarantined."""
        return [index for index in self.completed.missing() if index not in self.quarantined]

    def finish(self, record: ShardRecord) -> None:
        """Count a finished range, even if it was quarantined."""
        self.completed.add(record)
        for index in self.quarantined.intersection(record.shard.range):
            self.quarantined.remove(index)
            self._run.quarantine.lift(index)

    def note_rate(self, now: float) -> None:
        """Update the rate; shards were finished at ``now``, in seconds on the monotonic clock."""
        self._rate.add(now, self.completed.images)

    def lose(self, index: int) -> None:
        """Reopen a shard with damaged artifacts, unless it was damaged too often."""
        if index in self.completed:
            self.completed.remove(index)
        self.counters.damaged_shards += 1
        self._damage[index] += 1
        if self._damage[index] >= self._manifest.max_attempts:
            self.quarantine(index, f"{self._damage[index]} times: IntegrityError: what the store returned was damaged")

    def quarantine(self, index: int, error: str) -> None:
        """Give a shard up."""
        self._run.quarantine.add(index, error)
        self.quarantined.add(index)

    def progress(self) -> Progress:
        """The progress at the moment."""
        return Progress(
            total_shards=self._manifest.shards,
            total_images=self._manifest.data.count,
            shards=self.completed.shards,
            images=self.completed.images,
            successes=self.completed.successes,
            quarantined=len(self.quarantined),
            resent=self.counters.resent,
            speculative_attempts=self.counters.speculative_attempts,
            phase=self.phase,
            note=self.note,
            began=self._rate.began,
            rate=self._rate.per_second,
        )
