"""The finished shards in a few bytes each, since a run may have millions, and sums over them."""

from __future__ import annotations

from array import array

from core.run.manifest import Manifest
from core.run.records import ShardRecord
from core.run.work_unit import single

_OPEN = -1


class Completed:
    """The shards that have a record.

    Attributes:
        shards, images, successes: sums over the finished shards.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._successes = array("q", [_OPEN]) * manifest.shards
        self.shards = self.images = self.successes = 0

    def __contains__(self, index: object) -> bool:
        return isinstance(index, int) and self._successes[index] != _OPEN

    def missing(self) -> list[int]:
        """The shards that are not finished."""
        return [index for index, successes in enumerate(self._successes) if successes == _OPEN]

    def not_among(self, others: set[int]) -> list[int]:
        """The finished shards that are not among ``others``."""
        return [index for index in range(len(self._successes)) if index in self and index not in others]

    def add(self, record: ShardRecord) -> None:
        """Count a finished shard range. Its successes are known only as a sum, assigned to its first shard."""
        for index in record.shard.range:
            if index in self:
                self.remove(index)
            self._successes[index] = record.successes if index == record.shard.first else 0
            self._count(index, 1)

    def remove(self, index: int) -> None:
        """Uncount a shard that turned out not to be finished."""
        self._count(index, -1)
        self._successes[index] = _OPEN

    def _count(self, index: int, sign: int) -> None:
        self.shards += sign
        self.images += sign * self._manifest.slice_of(single(index)).count
        self.successes += sign * self._successes[index]
