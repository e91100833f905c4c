"""Which shards are done, in a few bytes each: a run may have millions."""

from __future__ import annotations

from array import array

from core.run.manifest import Manifest
from core.run.records import ShardRecord
from core.run.shard_range import indices_of
from orchestrator.progress.progress import State

_NOT_DONE = -1


class Tally:
    """The shards that have a record, and the successes in each. It keeps the counts of a State."""

    def __init__(self, manifest: Manifest, state: State) -> None:
        self._manifest, self._state = manifest, state
        self._successes = array("q", [_NOT_DONE]) * manifest.shards

    def __contains__(self, index: object) -> bool:
        return isinstance(index, int) and self._successes[index] != _NOT_DONE

    def missing(self) -> list[int]:
        """The shards that aren't done."""
        return [index for index, successes in enumerate(self._successes) if successes == _NOT_DONE]

    def beside(self, others: set[int]) -> list[int]:
        """The shards that are done and not among the others."""
        return [index for index in range(len(self._successes)) if index in self and index not in others]

    def add(self, record: ShardRecord) -> None:
        """A shard, or several together, are done. Their successes are known as a sum, which the first one has."""
        indices = indices_of(record.shard.shards)
        for index in indices:
            if index in self:
                self.remove(index)
            self._successes[index] = record.successes if index == indices[0] else 0
            self._count(index, 1)

    def remove(self, index: int) -> None:
        """A shard isn't done after all."""
        self._count(index, -1)
        self._successes[index] = _NOT_DONE

    def _count(self, index: int, sign: int) -> None:
        self._state.done += sign
        self._state.images_done += sign * self._manifest.shard(index).count
        self._state.successes += sign * self._successes[index]
