"""The files of a run. The only place that knows their names.

<store>/<run_id>/
    manifest.json                    written once, before anything is sent
    inputs/<sha256>.npy|keras|h5     the images, labels and model, by their content
    attempts/<shard>/<task>.json     one per execution, kept up to date by its worker
    attempts/reduce/<task>.json
    shards/<shard>.npy               the adversarial images of a shard
    shards/<shard>.parquet           its rows of the ledger
    shards/<shard>.json              its record, written last: the shard is done
    quarantine/<shard>.json          a shard given up, with its last error
    cancelled                        somebody asked the run to stop
    orchestrator.json                who drives the run, and since when it was last seen
    attack_data.npy  index_map.npz  ledger.parquet  report.json  report.html
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from core.blobs import Folder
from core.contracts import Attempt, Blob, DataRef, Manifest, Report, ShardRecord
from core.errors import IntegrityError, StoreError
from core.npy import data_offset, npy_header

V = TypeVar("V", bound=BaseModel)

ATTACK_DATA, INDEX_MAP, LEDGER = "attack_data.npy", "index_map.npz", "ledger.parquet"
REPORT, REPORT_PAGE = "report.json", "report.html"
_MANIFEST, _ORCHESTRATOR, _CANCELLED = "manifest.json", "orchestrator.json", "cancelled"
_RUN_ID = re.compile(r"[0-9a-f]{16}")
_RECORD = re.compile(r"(\d{8})\.json")
REDUCE = "reduce"


class RunStore:
    """The folder of one run, by its URL."""

    def __init__(self, url: str) -> None:
        self.folder = Folder(url)
        self.url = self.folder.url()
        self._offsets: dict[str, int] = {}  # where the rows of an array begin

    # -- the manifest and the inputs --------------------------------------------------------

    def has_manifest(self) -> bool:
        """Whether the run was planned."""
        return self.folder.exists(_MANIFEST)

    def manifest(self) -> Manifest:
        """The run's manifest; raises StoreError if this isn't a run."""
        try:
            return _parse(Manifest, self.folder.read(_MANIFEST), self.folder.path(_MANIFEST))
        except FileNotFoundError:
            raise StoreError(
                "the folder of a run", f"{self.url}, without {_MANIFEST}", "see 'python -m orchestrator list'"
            ) from None

    def write_manifest(self, manifest: Manifest) -> None:
        """Publish the manifest, after its inputs."""
        self.folder.write(_MANIFEST, _json(manifest))

    def write_input(self, blob: Blob, pieces: Iterable[bytes | memoryview]) -> None:
        """Put an input there, unless it is there already (it goes by its content)."""
        if not self.folder.exists(f"inputs/{blob.name}"):
            with self.folder.writer(f"inputs/{blob.name}") as file:
                for piece in pieces:
                    file.write(piece)

    def input_bytes(self, blob: Blob) -> bytes:
        """A whole input; raises IntegrityError if it isn't there or its content is another one."""
        import hashlib

        try:
            content = self.folder.read(f"inputs/{blob.name}")
        except FileNotFoundError:
            raise IntegrityError(f"inputs/{blob.name}: not there") from None
        found = hashlib.sha256(content).hexdigest()
        if found != blob.sha256:
            raise IntegrityError(f"inputs/{blob.name}: expected SHA-256 {blob.sha256}, got {found}")
        return content

    def images(self, data: DataRef, start: int, stop: int) -> NDArray[Any]:
        """Images start to stop, read as a slice of the file, as they came (uint8 or float32)."""
        return self._rows(f"inputs/{data.images.name}", data.dtype, data.image_shape, start, stop)

    def labels(self, data: DataRef, start: int, stop: int) -> NDArray[np.int64]:
        """Labels start to stop."""
        return self._rows(f"inputs/{data.labels.name}", "int64", (), start, stop)

    def _rows(self, name: str, dtype: str, shape: tuple[int, ...], start: int, stop: int) -> NDArray[Any]:
        kind = np.dtype(dtype).newbyteorder("<")
        size = kind.itemsize * int(np.prod(shape, dtype=np.int64))
        if name not in self._offsets:
            self._offsets[name] = data_offset(self.folder.read(name, 0, 12))
        offset = self._offsets[name]
        content = self.folder.read(name, offset + start * size, offset + stop * size)
        if len(content) != (stop - start) * size:
            raise IntegrityError(f"{name}: too short for rows {start} to {stop}")
        return np.frombuffer(content, kind).reshape(stop - start, *shape)

    # -- shards -----------------------------------------------------------------------------

    def write_shard(self, record: ShardRecord) -> None:
        """Publish a shard's record: its artifacts must be there by now."""
        self.folder.write(_shard(record.shard.index, "json"), _json(record))

    def write_shard_images(self, index: int, images: NDArray[np.float32]) -> None:
        """Put a shard's adversarial images there."""
        buffer = io.BytesIO()
        np.save(buffer, images, allow_pickle=False)
        self.folder.write(_shard(index, "npy"), buffer.getvalue())

    def write_shard_rows(self, index: int, rows: pa.Table) -> bytes:
        """Put a shard's rows of the ledger there; the file's content."""
        buffer = io.BytesIO()
        pq.write_table(rows, buffer)
        self.folder.write(_shard(index, "parquet"), buffer.getvalue())
        return buffer.getvalue()

    def shard_images(self, index: int) -> NDArray[np.float32]:
        """A shard's adversarial images as they stand in the store."""
        with self._readable(_shard(index, "npy")) as file:
            images: NDArray[np.float32] = np.load(file, allow_pickle=False)
        return images

    def shard_rows(self, index: int) -> tuple[pa.Table, bytes]:
        """A shard's rows of the ledger, and the file's content."""
        with self._readable(_shard(index, "parquet")) as file:
            content = file.read()
            return pq.read_table(io.BytesIO(content)), content

    def record(self, index: int) -> ShardRecord | None:
        """A shard's record, if the shard is done."""
        try:
            return _parse(ShardRecord, self.folder.read(_shard(index, "json")), _shard(index, "json"))
        except FileNotFoundError:
            return None

    def has_record(self, index: int) -> bool:
        """Whether a shard is done."""
        return self.folder.exists(_shard(index, "json"))

    def done(self) -> set[int]:
        """The shards that have a record, from one listing."""
        return _indices(self.folder.names("shards"))

    def forget_shard(self, index: int) -> None:
        """Take back a shard's record, so that it is made again."""
        self.folder.remove(_shard(index, "json"))

    @contextmanager
    def _readable(self, name: str) -> Iterator[IO[bytes]]:
        """A file whose every fault is an IntegrityError: missing, cut off, or another format."""
        try:
            yield io.BytesIO(self.folder.read(name))
        except (FileNotFoundError, ValueError, EOFError, pa.ArrowInvalid) as error:
            raise IntegrityError(f"{name}: {type(error).__name__}: {error}") from None

    # -- attempts, quarantine, the orchestrator's sign of life --------------------------------

    def write_attempt(self, part: int | str, attempt: Attempt) -> None:
        """Keep an execution of a shard, or of REDUCE, up to date."""
        self.folder.write(f"{_attempts(part)}/{attempt.task_id}.json", _json(attempt))

    def attempts(self, part: int | str) -> list[Attempt]:
        """All executions so far of a shard, or of REDUCE."""
        found = []
        for name in self.folder.names(_attempts(part)):
            if name.endswith(".json"):
                path = f"{_attempts(part)}/{name}"
                try:
                    found.append(_parse(Attempt, self.folder.read(path), path))
                except IntegrityError as error:
                    broken = Attempt(task_id=name.removesuffix(".json"), worker="", started=0.0, error=str(error))
                    found.append(broken)
        return sorted(found, key=lambda attempt: attempt.started)

    def attempted(self) -> set[int]:
        """The shards that were started at least once, from one listing."""
        return {int(name) for name in self.folder.names("attempts") if name.isdecimal()}

    def quarantine(self, index: int, error: str) -> None:
        """Give a shard up, with the reason."""
        self.folder.write(f"quarantine/{index:08d}.json", error.encode())

    def quarantined(self) -> dict[int, str]:
        """The shards given up, with their reasons."""
        names = self.folder.names("quarantine")
        return {i: self.folder.read(f"quarantine/{i:08d}.json").decode() for i in sorted(_indices(names))}

    def release(self, index: int) -> None:
        """Give a quarantined shard another round of attempts."""
        for name in self.folder.names(_attempts(index)):
            self.folder.remove(f"{_attempts(index)}/{name}")
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

    def write_orchestrator(self, content: bytes) -> None:
        """Say who drives the run."""
        self.folder.write(_ORCHESTRATOR, content)

    def orchestrator(self) -> bytes | None:
        """Who drove the run last."""
        try:
            return self.folder.read(_ORCHESTRATOR)
        except FileNotFoundError:
            return None

    # -- results ------------------------------------------------------------------------------

    @contextmanager
    def attack_data_writer(self, count: int, image_shape: tuple[int, int, int]) -> Iterator[IO[bytes]]:
        """The open ``attack_data.npy``, its header written; it appears when the block ends."""
        with self.folder.writer(ATTACK_DATA) as file:
            file.write(npy_header((count, *image_shape), np.dtype("<f4")))
            yield file

    def attack_data(self, data: DataRef, start: int, stop: int) -> NDArray[np.float32]:
        """Rows start to stop of ``attack_data.npy``."""
        return self._rows(ATTACK_DATA, "float32", data.image_shape, start, stop)

    @contextmanager
    def result_writer(self, name: str) -> Iterator[IO[bytes]]:
        """A result file, open for writing."""
        with self.folder.writer(name) as file:
            yield file

    def result_bytes(self, name: str) -> bytes:
        """A whole result file; raises FileNotFoundError."""
        return self.folder.read(name)

    def report(self) -> Report | None:
        """The report, if the reduce has ended."""
        try:
            return _parse(Report, self.folder.read(REPORT), REPORT)
        except FileNotFoundError:
            return None

    def write_report(self, report: Report) -> None:
        """Publish the report: the last thing that the reduce does."""
        self.folder.write(REPORT, report.model_dump_json(indent=2).encode())

    def withdraw_report(self) -> None:
        """Take the report back, because the run goes on."""
        self.folder.remove(REPORT)


class Store:
    """The folder that holds the runs."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/") or url
        self.folder = Folder(url)

    def run(self, run_id: str) -> RunStore:
        """The run ``run_id``, whether it exists or not."""
        return RunStore(self.folder.url(run_id))

    def runs(self) -> list[RunStore]:
        """All runs that have a manifest."""
        runs = (self.run(name) for name in self.folder.names() if _RUN_ID.fullmatch(name))
        return [run for run in runs if run.has_manifest()]

    def planned(self, run_id: str) -> bool:
        """Whether there is such a run; raises StoreError where the store doesn't say."""
        try:
            return self.run(run_id).has_manifest()
        except Exception as error:
            # Each file system has its own exceptions for missing rights, names and networks.
            raise self._unusable(error) from None

    def check_writable(self) -> None:
        """Write, read and remove a small file; raises StoreError."""
        try:
            self.folder.write(".probe", b"advshard")
            content = self.folder.read(".probe")
            self.folder.remove(".probe")
        except Exception as error:
            raise self._unusable(error) from None
        if content != b"advshard":
            raise StoreError(f"a store that gives back what was written at {self.url}", "other bytes", "check it")

    def _unusable(self, error: Exception) -> StoreError:
        return StoreError(
            f"a store that can be written at {self.url}",
            f"{type(error).__name__}: {error}",
            "check the path and its rights, or give another --store",
        )


def _shard(index: int, suffix: str) -> str:
    return f"shards/{index:08d}.{suffix}"


def _attempts(part: int | str) -> str:
    return f"attempts/{part:08d}" if isinstance(part, int) else f"attempts/{part}"


def _indices(names: list[str]) -> set[int]:
    return {int(match[1]) for name in names if (match := _RECORD.fullmatch(name))}


def _json(value: BaseModel) -> bytes:
    return value.model_dump_json().encode()


def _parse(kind: type[V], content: bytes, name: str) -> V:
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise IntegrityError(f"{name}: not a valid {kind.__name__}: {where}: {first['msg']}") from None
