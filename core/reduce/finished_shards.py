"""The finished shards as the reduce keeps them, in about eighty bytes each."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from core.run.manifest import Manifest, ShardSlice
from core.run.records import Fingerprint, FinishedShard, ShardRecord
from core.run.work_unit import ShardRange

_BYTES = 32


class _Finished(NamedTuple):
    shard: ShardSlice
    images_sha256: str
    rows_sha256: str


class FinishedShards:
    """Finished shard ranges in their order, and the sums over their records."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._shards = array("q")  # the first and the last of each
        self._digests = bytearray()
        self.fingerprints: list[Fingerprint] = []  # each kind once
        self.seconds = self.cpu_seconds = 0.0

    def add(self, record: ShardRecord) -> None:
        """Add the next range in order; its slice must match the manifest."""
        self._shards.extend((record.shard.first, record.shard.last))
        self._digests += bytes.fromhex(record.images_sha256 + record.rows_sha256)
        if record.fingerprint not in self.fingerprints:
            self.fingerprints.append(record.fingerprint)
        self.seconds += record.seconds
        self.cpu_seconds += record.cpu_seconds

    def __len__(self) -> int:
        return len(self._shards) // 2

    def _ranges(self) -> Iterator[ShardRange]:
        return itertools.starmap(ShardRange, zip(self._shards[::2], self._shards[1::2], strict=True))

    def __iter__(self) -> Iterator[FinishedShard]:
        for place, shards in enumerate(self._ranges()):
            start = 2 * _BYTES * place
            images, rows = (self._digests[at : at + _BYTES].hex() for at in (start, start + _BYTES))
            yield _Finished(self._manifest.slice_of(shards), images, rows)

    def missing(self) -> list[int]:
        """The shards that are not finished."""
        present = {index for shards in self._ranges() for index in shards}
        return [index for index in range(self._manifest.shards) if index not in present]


def groups(parts: Iterable[FinishedShard], most: int) -> Iterator[list[FinishedShard]]:
    """Group neighbouring ranges up to ``most`` images, or single larger ranges. No group has a gap."""
    group: list[FinishedShard] = []
    for part in parts:
        if group and (part.shard.stop - group[0].shard.start > most or part.shard.start != group[-1].shard.stop):
            yield group
            group = []
        group.append(part)
    if group:
        yield group
