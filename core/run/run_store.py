"""The files of a run. The only place that knows their names.

<store>/<run_id>/
    manifest.json                    written once, before anything is sent
    inputs/<sha256>.npy|keras|h5     the images, labels and model, by their content
    attempts/<shard>/<task>.json     one per execution, kept up to date by its worker
    attempts/<shard>-<shard>/<task>.json
    attempts/reduce/<task>.json
    attempts/.../<task>.given-up.json  the last word on an execution that failed or was given up
    released/<shard>/<task>.json     executions before a quarantine that was lifted
    shards/<shard>.npy               the adversarial images of a shard
    shards/<shard>.parquet           its rows of the ledger
    shards/<shard>.json              its record, written last: the shard is done
    shards/<shard>-<shard>.*         the same of several that one task took together
    quarantine/<shard>.json          a shard given up, with its last error
    cancelled                        somebody asked the run to stop
    orchestrators/<token>.json       one per process that drives the run, or did: its sign of life
    attack_data.npy  index_map.npz  ledger.parquet  report.json  report.html
"""

from __future__ import annotations

import hashlib
import io
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel

from core.errors import IntegrityError, StoreError
from core.run.manifest import Blob, DataRef, Manifest, Shard
from core.run.records import Attempt, Driver, FinishedShard, ShardRecord
from core.run.report import Report
from core.run.shard_range import Shards, Span, indices_of, title
from core.storage.folder import Folder
from core.storage.json_documents import LARGEST, decode, encode
from core.storage.npy_header import npy_header
from core.storage.npy_reader import Rows

V = TypeVar("V", bound=BaseModel)
T = TypeVar("T")
P = TypeVar("P", bound=Shards | str)

ATTACK_DATA, INDEX_MAP, LEDGER = "attack_data.npy", "index_map.npz", "ledger.parquet"
REPORT, REPORT_PAGE = "report.json", "report.html"
_MANIFEST, _CANCELLED = "manifest.json", "cancelled"
_RECORD = re.compile(r"([0-9]{8})(?:-([0-9]{8}))?\.json")
_QUARANTINE = re.compile(r"([0-9]{8})\.json")
_ATTEMPT = re.compile(
    r"((?:attempts|released)/(?:([0-9]{8})(?:-([0-9]{8}))?|reduce)/([0-9A-Za-z][0-9A-Za-z_-]{0,99}))(\.given-up)?\.json"
)
_LONGEST_NOTE = 1 << 16
_AT_ONCE = 1024  # small files in memory
REDUCE = "reduce"


class RunStore:
    """The folder of one run, by its URL."""

    def __init__(self, url: str) -> None:
        self.folder = Folder(url)
        self.url = self.folder.url()
        self._rows = Rows(self.folder)
        self._manifest: Manifest | None = None

    def _document(self, kind: type[V], name: str) -> V:
        """A JSON document; raises FileNotFoundError, or IntegrityError where it isn't one of this kind."""
        return decode(kind, self.folder.read(name, 0, LARGEST), self.folder.path(name))

    def _documents(self, kind: type[V], names: Sequence[str]) -> list[V | IntegrityError | None]:
        """Several documents, or what is wrong with them; None for one that isn't there."""
        contents = self.folder.read_many([(name, 0, LARGEST) for name in names])
        found: list[V | IntegrityError | None] = []
        for name, content in zip(names, contents, strict=True):
            try:
                found.append(None if content is None else decode(kind, content, name))
            except IntegrityError as error:
                found.append(error)
        return found

    # -- the manifest and the inputs --------------------------------------------------------

    def has_manifest(self) -> bool:
        """Whether the run was planned."""
        return self.folder.exists(_MANIFEST)

    def manifest(self) -> Manifest:
        """The run's manifest, read once, since it is written once; raises StoreError if this isn't a run."""
        try:
            self._manifest = self._manifest or self._document(Manifest, _MANIFEST)
            return self._manifest
        except FileNotFoundError:
            raise StoreError(
                "the folder of a run", f"{self.url}, without {_MANIFEST}", "see 'python -m orchestrator list'"
            ) from None

    def write_manifest(self, manifest: Manifest) -> None:
        """Publish the manifest, after its inputs."""
        self.folder.write(_MANIFEST, encode(manifest))
        self._manifest = None

    def write_input(self, blob: Blob, pieces: Callable[[], Iterable[bytes | memoryview]]) -> None:
        """Put an input there, unless it is there already (it goes by its content)."""
        if not self.folder.exists(f"inputs/{blob.name}"):

            def produce(file: IO[bytes]) -> None:
                for piece in pieces():
                    file.write(piece)

            self.folder.write_with(f"inputs/{blob.name}", produce)

    def input_bytes(self, blob: Blob) -> bytes:
        """A whole input; raises IntegrityError if it isn't there or its content is another one."""
        content = self._content(f"inputs/{blob.name}")
        found = hashlib.sha256(content).hexdigest()
        if found != blob.sha256:
            raise IntegrityError(f"inputs/{blob.name}: expected SHA-256 {blob.sha256}, got {found}")
        return content

    def input_path(self, blob: Blob) -> Path | None:
        """Where an input lies, if the store is on a disk of this machine."""
        return Path(self.folder.path(f"inputs/{blob.name}")) if self.folder.local else None

    def images(self, data: DataRef, start: int, stop: int) -> NDArray[Any]:
        """Images start to stop, read as a slice of the file, as they came (uint8 or float32)."""
        shape = (data.count, *data.image_shape)
        return self._rows.read(f"inputs/{data.images.name}", data.dtype, shape, start, stop)

    def chosen_images(self, data: DataRef, indices: NDArray[np.int64]) -> NDArray[Any]:
        """Some images, as they came."""
        shape = (data.count, *data.image_shape)
        return self._rows.choose(f"inputs/{data.images.name}", data.dtype, shape, indices)

    def labels(self, data: DataRef, start: int, stop: int) -> NDArray[np.int64]:
        """Labels start to stop."""
        return self._rows.read(f"inputs/{data.labels.name}", "int64", (data.count,), start, stop)

    def _content(self, name: str) -> bytes:
        """A file that must be there; raises IntegrityError."""
        try:
            return self.folder.read(name)
        except FileNotFoundError:
            raise IntegrityError(f"{name}: not there") from None

    # -- shards -----------------------------------------------------------------------------

    def write_shard(self, record: ShardRecord) -> None:
        """Publish a shard's record: its artifacts must be there by now."""
        self.folder.write(_shard(record.shard.shards, "json"), encode(record))

    def write_shard_images(self, shards: Shards, images: NDArray[np.float32]) -> None:
        """Put the adversarial images of a shard, or of several, there."""
        content = npy_header(images.shape, np.dtype("<f4")) + np.ascontiguousarray(images, "<f4").tobytes()
        self.folder.write(_shard(shards, "npy"), content)

    def write_shard_rows(self, shards: Shards, rows: pa.Table) -> bytes:
        """Put their rows of the ledger there; the file's content."""
        buffer = io.BytesIO()
        # Many small files: what only helps to search in a large one is left out.
        pq.write_table(rows, buffer, write_statistics=False, use_dictionary=["attack", "fallback_reason"])
        self.folder.write(_shard(shards, "parquet"), buffer.getvalue())
        return buffer.getvalue()

    def shard_images(self, data: DataRef, shard: Shard) -> NDArray[np.float32]:
        """A shard's adversarial images as they stand in the store; raises IntegrityError."""
        (images,) = self.images_of_shards(data, [shard])
        if isinstance(images, IntegrityError):
            raise images
        return images

    def images_of_shards(self, data: DataRef, shards: Sequence[Shard]) -> list[NDArray[np.float32] | IntegrityError]:
        """The adversarial images of some shards, or what is wrong with those of one."""
        names = [_shard(shard.shards, "npy") for shard in shards]
        return self._rows.whole(names, "float32", [(shard.count, *data.image_shape) for shard in shards])

    def shard_rows(self, part: FinishedShard) -> pa.Table:
        """A shard's rows of the ledger, looked into only if they are its record's; raises IntegrityError."""
        (rows,) = self.rows_of_shards([part])
        if isinstance(rows, IntegrityError):
            raise rows
        return rows

    def rows_of_shards(self, parts: Sequence[FinishedShard]) -> list[pa.Table | IntegrityError]:
        """The rows of some shards, or what is wrong with those of one."""
        names = [_shard(part.shard.shards, "parquet") for part in parts]
        contents = self.folder.read_many([(name, None, None) for name in names])
        found: list[pa.Table | IntegrityError] = []
        for part, name, content in zip(parts, names, contents, strict=True):
            try:
                found.append(_table(part, name, content))
            except IntegrityError as error:
                found.append(error)
        return found

    def record(self, shards: Shards) -> ShardRecord | None:
        """The record of a shard, or of several, if they are done; raises IntegrityError."""
        good, damaged = self.records([shards])
        if damaged:
            raise damaged[shards]
        return good.get(shards)

    def records(self, parts: Iterable[Shards]) -> tuple[dict[Shards, ShardRecord], dict[Shards, IntegrityError]]:
        """The records of some parts of the run, and what is wrong with those that can't be read."""
        wanted = sorted(parts, key=_first)
        good: dict[Shards, ShardRecord] = {}
        damaged: dict[Shards, IntegrityError] = {}
        found = self._documents(ShardRecord, [_shard(part, "json") for part in wanted])
        for part, record in zip(wanted, found, strict=True):
            if isinstance(record, IntegrityError):
                damaged[part] = record
            elif record is not None and record.shard.shards != part:
                damaged[part] = IntegrityError(
                    f"{_shard(part, 'json')}: the record of {record.shard.title}, not of {title(part)}"
                )
            elif record is not None:
                good[part] = record
        return good, damaged

    def all_records(
        self, parts: Iterable[Shards]
    ) -> Iterator[tuple[dict[Shards, ShardRecord], dict[Shards, IntegrityError]]]:
        """``records`` of any number of parts in their order, some at a time."""
        wanted = sorted(parts, key=_first)
        for first in range(0, len(wanted), _AT_ONCE):
            yield self.records(wanted[first : first + _AT_ONCE])

    def has_record(self, shards: Shards) -> bool:
        """Whether there is a record of a shard, or of these together."""
        return self.folder.exists(_shard(shards, "json"))

    def finished(self) -> list[Shards]:
        """What has a record, from one listing; a shard that was made twice, together and alone, is there once."""
        manifest = self.manifest()
        alone: set[int] = set()
        blocks: list[Span] = []
        for match in map(_RECORD.fullmatch, self.folder.names("shards")):
            first = int(match[1]) if match else manifest.shards
            if match is None or first >= manifest.shards:
                continue
            if match[2] is None:
                alone.add(first)
            elif manifest.block(first) == (span := Span(first, int(match[2]))):
                blocks.append(span)
        alone.difference_update(*blocks)
        return sorted([*blocks, *alone], key=_first)

    def done(self) -> set[int]:
        """The shards that have a record, from one listing."""
        return {index for part in self.finished() for index in indices_of(part)}

    def forget_shard(self, shards: Shards) -> None:
        """Take back the record of a shard, or of several, so that they are made again."""
        self.folder.remove(_shard(shards, "json"))

    # -- attempts, quarantine, the orchestrator's sign of life --------------------------------

    def write_attempt(self, part: Shards | str, attempt: Attempt) -> None:
        """Keep an execution of a shard, of several together, or of REDUCE, up to date."""
        self.folder.write(f"{_attempts(part)}/{attempt.task_id}.json", encode(attempt))

    def give_up(self, part: Shards | str, attempt: Attempt, error: str) -> None:
        """Say that nothing more is expected of an execution: in a file of its own, since its worker may go on."""
        given_up = attempt.model_copy(update={"error": error})
        self.folder.write(f"{_attempts(part)}/{attempt.task_id}.given-up.json", encode(given_up))

    def attempts(self, part: Shards | str) -> list[Attempt]:
        """All executions so far of a shard by itself, of several together, or of REDUCE."""
        return self.attempts_of([part])[part]

    def attempts_of(self, parts: Sequence[P]) -> dict[P, list[Attempt]]:
        """All executions so far of several parts, without a look at any others."""
        folders = [_attempts(part) for part in parts]
        listed = self.folder.names_of(folders)
        names = [f"{folder}/{name}" for folder, found in zip(folders, listed, strict=True) for name in found]
        executions: dict[str, list[Attempt]] = {folder: [] for folder in folders}
        for name, attempt in self._read_attempts(names).items():
            executions[name.rsplit("/", 1)[0]].append(attempt)
        return {
            part: sorted(executions[folder], key=lambda attempt: attempt.started)
            for part, folder in zip(parts, folders, strict=True)
        }

    def executions(self) -> int:
        """How often a shard was begun so far, from listings alone."""
        return sum(sum({match[1]: _shards_of(match) for match in matches}.values()) for matches in self._executions())

    def all_attempts(self) -> Iterator[tuple[Attempt, int]]:
        """All executions so far but those of the reduce, each with the number of its shards, some at a time."""
        for matches in self._executions():
            shards = {match[1]: _shards_of(match) for match in matches}
            found = self._read_attempts([match[0] for match in matches])
            yield from ((attempt, shards[name]) for name, attempt in found.items())

    def _executions(self) -> Iterator[list[re.Match[str]]]:
        """The files of all executions of shards, some at a time, those of one execution together."""
        for top in ("attempts", "released"):
            matches = (match for name in self.folder.find(top) if (match := _ATTEMPT.fullmatch(name)) and match[2])
            some: list[re.Match[str]] = []
            for _, files in itertools.groupby(matches, key=lambda match: match[0].rsplit("/", 1)[0]):
                some += files
                if len(some) >= _AT_ONCE:
                    yield some
                    some = []
            yield some

    def _read_attempts(self, names: list[str]) -> dict[str, Attempt]:
        """The executions in these files, by their names; where one is broken, it counts as one that failed."""
        matches = [match for name in names if (match := _ATTEMPT.fullmatch(name))]
        matches.sort(key=lambda match: match[5] is not None)  # the last word
        attempts: dict[str, Attempt] = {}
        for match, found in zip(matches, self._documents(Attempt, [match[0] for match in matches]), strict=True):
            if isinstance(found, Attempt) and found.task_id == match[4]:
                attempts[match[1]] = found
            elif found is not None:
                why = found if isinstance(found, IntegrityError) else f"{match[0]}: the attempt of another task"
                attempts[match[1]] = Attempt(task_id=match[4], worker="", started=0.0, error=f"IntegrityError: {why}")
        return attempts

    def quarantine(self, index: int, error: str) -> None:
        """Give a shard up, with the reason."""
        self.folder.write(f"quarantine/{index:08d}.json", error.encode())

    def quarantined(self) -> dict[int, str]:
        """The shards given up, with their reasons."""
        matches = map(_QUARANTINE.fullmatch, self.folder.names("quarantine"))
        return {
            i: self.folder.read(f"quarantine/{i:08d}.json", 0, _LONGEST_NOTE).decode(errors="replace")
            for i in sorted(int(match[1]) for match in matches if match)
        }

    def release(self, index: int) -> None:
        """Give a quarantined shard another round of attempts."""
        for name in self.folder.names(_attempts(index)):
            old = f"{_attempts(index)}/{name}"
            self.folder.write(old.replace("attempts/", "released/", 1), self.folder.read(old))
            self.folder.remove(old)
        self.lift_quarantine(index)

    def lift_quarantine(self, index: int) -> None:
        """A quarantined shard is done after all, or may be tried again."""
        self.folder.remove(f"quarantine/{index:08d}.json")

    def cancel(self) -> None:
        """Ask whoever works on the run to stop."""
        self.folder.write(_CANCELLED, b"")

    def cancelled(self) -> bool:
        """Whether the run was asked to stop."""
        return self.folder.exists(_CANCELLED)

    def uncancel(self) -> None:
        """Let the run go on."""
        self.folder.remove(_CANCELLED)

    def write_driver(self, driver: Driver) -> None:
        """Keep the sign of life of a process that drives the run up to date."""
        self.folder.write(f"orchestrators/{driver.token}.json", encode(driver))

    def drivers(self) -> list[Driver]:
        """All that drove the run, the latest last; what can't be read is left out."""
        names = [f"orchestrators/{name}" for name in self.folder.names("orchestrators") if name.endswith(".json")]
        found = [each for each in self._documents(Driver, names) if isinstance(each, Driver)]
        return sorted(found, key=lambda driver: driver.seen)

    # -- results ------------------------------------------------------------------------------

    def write_attack_data(self, data: DataRef, rows: Callable[[], Iterable[NDArray[np.float32]]]) -> None:
        """Put ``attack_data.npy`` there; ``rows`` gives its images, some at a time."""

        def produce(file: IO[bytes]) -> None:
            file.write(npy_header((data.count, *data.image_shape), np.dtype("<f4")))
            for images in rows():
                file.write(np.ascontiguousarray(images, "<f4").data)

        self.folder.write_with(ATTACK_DATA, produce)

    def attack_data(self, data: DataRef, start: int, stop: int) -> NDArray[np.float32]:
        """Rows start to stop of ``attack_data.npy``."""
        return self._rows.read(ATTACK_DATA, "float32", (data.count, *data.image_shape), start, stop)

    def chosen_attack_data(self, data: DataRef, indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """Some rows of ``attack_data.npy``."""
        return self._rows.choose(ATTACK_DATA, "float32", (data.count, *data.image_shape), indices)

    def write_result(self, name: str, produce: Callable[[IO[bytes]], T]) -> T:
        """Let ``produce`` write a result file, as ``Folder.write_with`` does."""
        return self.folder.write_with(name, produce)

    def result_bytes(self, name: str) -> bytes:
        """A whole result file; raises FileNotFoundError."""
        return self.folder.read(name)

    def read_result(self, name: str, consume: Callable[[IO[bytes]], T]) -> T:
        """Let ``consume`` read a result file, as ``Folder.read_with`` does; raises FileNotFoundError."""
        return self.folder.read_with(name, consume)

    def report(self) -> Report | None:
        """The report, if the reduce has ended."""
        try:
            return self._document(Report, REPORT)
        except FileNotFoundError:
            return None

    def write_report(self, report: Report) -> None:
        """Publish the report: the last thing that the reduce does."""
        self.folder.write(REPORT, encode(report, indent=2))

    def withdraw_report(self) -> None:
        """Take the report back, because the run goes on."""
        self.folder.remove(REPORT)


def _name(shards: Shards) -> str:
    return f"{shards:08d}" if isinstance(shards, int) else f"{shards.first:08d}-{shards.last:08d}"


def _first(shards: Shards) -> int:
    return shards if isinstance(shards, int) else shards.first


def _shard(shards: Shards, suffix: str) -> str:
    return f"shards/{_name(shards)}.{suffix}"


def _table(part: FinishedShard, name: str, content: bytes | None) -> pa.Table:
    if content is None:
        raise IntegrityError(f"{name}: not there")
    if hashlib.sha256(content).hexdigest() != part.rows_sha256:
        raise IntegrityError(f"{name}: not the rows of its record")
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        if file.metadata.num_rows != part.shard.count:
            raise IntegrityError(f"{name}: {file.metadata.num_rows} rows for {part.shard.count} images")
        return file.read(use_threads=False)
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError) as error:
        raise IntegrityError(f"{name}: {type(error).__name__}: {error}") from None


def _attempts(part: Shards | str) -> str:
    return f"attempts/{part if isinstance(part, str) else _name(part)}"


def _shards_of(match: re.Match[str]) -> int:
    """How many shards the execution is of that this file is about."""
    return max(1, int(match[3]) - int(match[2]) + 1) if match[3] else 1
