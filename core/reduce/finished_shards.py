"""What the reduce keeps of the finished shards: some eighty bytes of each."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from core.run.manifest import Manifest, Shard
from core.run.records import Fingerprint, FinishedShard, ShardRecord
from core.run.shard_range import Span

_BYTES = 32


class _Finished(NamedTuple):
    shard: Shard
    images_sha256: str
    rows_sha256: str


class FinishedShards:
    """Finished shards in their order, and what their records say of all of them together."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._shards = array("q")  # the first and the last of each
        self._digests = bytearray()
        self.fingerprints: list[Fingerprint] = []  # each kind once
        self.seconds = self.cpu_seconds = 0.0

    def add(self, record: ShardRecord) -> None:
        """The next one; it must be a shard of the manifest."""
        first, last = record.shard.index, record.shard.last
        self._shards.extend((first, first if last is None else last))
        self._digests += bytes.fromhex(record.images_sha256 + record.rows_sha256)
        if record.fingerprint not in self.fingerprints:
            self.fingerprints.append(record.fingerprint)
        self.seconds += record.seconds
        self.cpu_seconds += record.cpu_seconds

    def __len__(self) -> int:
        return len(self._shards) // 2

    def _spans(self) -> Iterator[Span]:
        return itertools.starmap(Span, zip(self._shards[::2], self._shards[1::2], strict=True))

    def __iter__(self) -> Iterator[FinishedShard]:
        for place, span in enumerate(self._spans()):
            start = 2 * _BYTES * place
            images, rows = (self._digests[at : at + _BYTES].hex() for at in (start, start + _BYTES))
            yield _Finished(self._manifest.shard(span), images, rows)

    def missing(self) -> list[int]:
        """The shards of the manifest that aren't among them."""
        present = {index for span in self._spans() for index in span}
        return [index for index in range(self._manifest.shards) if index not in present]


def groups(parts: Iterable[FinishedShard], most: int) -> Iterator[list[FinishedShard]]:
    """Shards one after the other in groups of ``most`` images or less, or of one shard; no group has a gap."""
    group: list[FinishedShard] = []
    for part in parts:
        if group and (part.shard.stop - group[0].shard.start > most or part.shard.start != group[-1].shard.stop):
            yield group
            group = []
        group.append(part)
    if group:
        yield group
