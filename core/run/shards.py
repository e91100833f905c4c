"""The finished shards of a run: adversarial images, rows of the ledger, and records."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.errors import IntegrityError
from core.run import layout
from core.run.manifest import DataRef, Manifest, ShardSlice
from core.run.records import FinishedShard, ShardRecord
from core.run.work_unit import ShardRange, single
from core.storage.folder import Folder
from core.storage.json_documents import encode, read_documents
from core.storage.npy_header import npy_header
from core.storage.npy_reader import NpyReader

_AT_ONCE = 1024  # records in memory


class Shards:
    """Reads and writes the shard artifacts in a run's folder.

    A record is written after its artifacts, so shards with a record are finished.
    """

    def __init__(self, folder: Folder, arrays: NpyReader, manifest: Callable[[], Manifest]) -> None:
        self._folder, self._arrays, self._manifest = folder, arrays, manifest

    def write_images(self, shards: ShardRange, images: NDArray[np.float32]) -> None:
        """Write the adversarial images (n, H, W, C) of a shard range."""
        content = npy_header(images.shape, np.dtype("<f4")) + np.ascontiguousarray(images, "<f4").tobytes()
        self._folder.write(layout.shard_file(shards, "npy"), content)

    def write_rows(self, shards: ShardRange, rows: pa.Table) -> bytes:
        """Write the rows of the ledger of a shard range; returns the file's content."""
        buffer = io.BytesIO()
        # Many small files: what only helps to search in a large one is left out.
        pq.write_table(rows, buffer, write_statistics=False, use_dictionary=["attack", "fallback_reason"])
        self._folder.write(layout.shard_file(shards, "parquet"), buffer.getvalue())
        return buffer.getvalue()

    def write_record(self, record: ShardRecord) -> None:
        """Publish a record, after its artifacts."""
        self._folder.write(layout.shard_file(record.shard.range, "json"), encode(record))

    def images(self, data: DataRef, shard: ShardSlice) -> NDArray[np.float32]:
        """The adversarial images (n, H, W, C) of a shard range, as stored; raises IntegrityError."""
        (images,) = self.images_of(data, [shard])
        if isinstance(images, IntegrityError):
            raise images
        return images

    def images_of(self, data: DataRef, shards: Sequence[ShardSlice]) -> list[NDArray[np.float32] | IntegrityError]:
        """The adversarial images of several shard ranges, or for a damaged one its error."""
        names = [layout.shard_file(shard.range, "npy") for shard in shards]
        return self._arrays.whole(names, "float32", [(shard.count, *data.image_shape) for shard in shards])

    def rows_of(self, finished: Sequence[FinishedShard]) -> list[pa.Table | IntegrityError]:
        """The rows of several shard ranges, or for a damaged one its error. Only verified bytes are parsed."""
        names = [layout.shard_file(each.shard.range, "parquet") for each in finished]
        contents = self._folder.read_many([(name, None, None) for name in names])
        found: list[pa.Table | IntegrityError] = []
        for each, name, content in zip(finished, names, contents, strict=True):
            try:
                found.append(_table(each, name, content))
            except IntegrityError as error:
                found.append(error)
        return found

    def record(self, shards: ShardRange) -> ShardRecord | None:
        """The record of a shard range, None if it is not finished; raises IntegrityError."""
        good, damaged = self.records([shards])
        if damaged:
            raise damaged[shards]
        return good.get(shards)

    def records(
        self, ranges: Iterable[ShardRange]
    ) -> tuple[dict[ShardRange, ShardRecord], dict[ShardRange, IntegrityError]]:
        """The records of the finished ranges, and the errors of the damaged ones."""
        wanted = sorted(ranges)
        good: dict[ShardRange, ShardRecord] = {}
        damaged: dict[ShardRange, IntegrityError] = {}
        names = [layout.shard_file(shards, "json") for shards in wanted]
        for shards, name, record in zip(wanted, names, read_documents(self._folder, ShardRecord, names), strict=True):
            if isinstance(record, IntegrityError):
                damaged[shards] = record
            elif record is not None and record.shard.range != shards:
                damaged[shards] = IntegrityError(f"{name}: the record of {record.shard.range}, not of {shards}")
            elif record is not None:
                good[shards] = record
        return good, damaged

    def all_records(
        self, ranges: Iterable[ShardRange]
    ) -> Iterator[tuple[dict[ShardRange, ShardRecord], dict[ShardRange, IntegrityError]]]:
        """``records`` of any number of ranges in their order, in batches."""
        wanted = sorted(ranges)
        for first in range(0, len(wanted), _AT_ONCE):
            yield self.records(wanted[first : first + _AT_ONCE])

    def has_record(self, shards: ShardRange) -> bool:
        """Whether a shard range has a record."""
        return self._folder.exists(layout.shard_file(shards, "json"))

    def finished(self) -> list[ShardRange]:
        """The finished shard ranges, from one listing. A shard finished both in a range and alone is listed once."""
        manifest = self._manifest()
        alone: set[int] = set()
        ranges: list[ShardRange] = []
        for match in map(layout.RECORD_NAME.fullmatch, self._folder.names(layout.SHARDS)):
            first = int(match[1]) if match else manifest.shards
            if match is None or first >= manifest.shards:
                continue
            if match[2] is None:
                alone.add(first)
            elif manifest.range_of(first) == (shards := ShardRange(first, int(match[2]))):
                ranges.append(shards)
        alone.difference_update(*ranges)
        return sorted([*ranges, *map(single, alone)])

    def finished_indices(self) -> set[int]:
        """The shards that have a record, from one listing."""
        return {index for shards in self.finished() for index in shards}

    def forget(self, shards: ShardRange) -> None:
        """Remove the record of a shard range, so that it is attacked again."""
        self._folder.remove(layout.shard_file(shards, "json"))


def _table(finished: FinishedShard, name: str, content: bytes | None) -> pa.Table:
    if content is None:
        raise IntegrityError(f"{name}: not there")
    if hashlib.sha256(content).hexdigest() != finished.rows_sha256:
        raise IntegrityError(f"{name}: not the rows of its record")
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        if file.metadata.num_rows != finished.shard.count:
            raise IntegrityError(f"{name}: {file.metadata.num_rows} rows for {finished.shard.count} images")
        return file.read(use_threads=False)
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError) as error:
        raise IntegrityError(f"{name}: {type(error).__name__}: {error}") from None
