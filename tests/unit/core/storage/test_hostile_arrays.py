"""Arrays, rows and index maps that were cut off, flipped or made to harm: IntegrityError, and little memory."""

from __future__ import annotations

import hashlib
import io
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.datasets.by_name import open_images
from core.datasets.conversion.in_memory import load_image_set
from core.errors import DataError, IntegrityError
from core.reduce.reduce_run import checked_rows
from core.run.index_map import IndexMap
from core.run.manifest import DataRef, ShardSlice
from core.run.records import ShardRecord
from core.run.run_store import RunStore
from core.storage.npy_header import npy_header
from tests.documents import RECORD
from tests.unit.core.run.test_manifest import manifest

SHARD = ShardSlice(first=1, last=1, start=3, stop=6)
DATA: DataRef = manifest().data
IMAGES = np.random.default_rng(0).random((SHARD.count, *DATA.image_shape), np.float32)
GOOD = npy_header(IMAGES.shape, IMAGES.dtype) + IMAGES.tobytes()


def index_map() -> bytes:
    buffer = io.BytesIO()
    IndexMap.build([hashlib.sha256(bytes([i])).digest() for i in range(5)], np.arange(5), np.arange(5)).save(buffer)
    return buffer.getvalue()


def archive(members: dict[str, Any]) -> bytes:
    """An .npz file of these arrays, and of anything else as it is."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            raw = (
                content if isinstance(content, bytes) else npy_header(content.shape, content.dtype) + content.tobytes()
            )
            file.writestr(f"{name}.npy", raw)
    return buffer.getvalue()


def table(**change: Any) -> pa.Table:
    """The rows of SHARD as the ledger has them, or with other columns."""
    from core.shard.ledger import schema

    plain: dict[str, Any] = {
        name: pa.array([0] * SHARD.count, pa.int64()).cast(kind)
        for name, kind in zip(schema().names, schema().types, strict=True)
    }
    plain.update(index=pa.array(range(SHARD.start, SHARD.stop)), digest=pa.array(["0" * 64] * SHARD.count))
    plain.update(change)
    return pa.table({name: column for name, column in plain.items() if column is not None})


def parquet(rows: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(rows, buffer)
    return buffer.getvalue()


def header(shape: Any, dtype: str = "<f4", version: tuple[int, int] = (1, 0)) -> bytes:
    """A .npy header as anybody can write one."""
    text = repr({"descr": dtype, "fortran_order": False, "shape": shape}).ljust(117).encode() + b"\n"
    return b"\x93NUMPY" + bytes(version) + len(text).to_bytes(2 if version[0] == 1 else 4, "little") + text


INDEX_MAP, ROWS = index_map(), parquet(table())
DATA_SET = archive({"images": np.full((3, 2, 2, 1), 7, np.uint8), "labels": np.arange(3)})


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """Cut off, with bytes flipped, put in or taken out; or something else altogether."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary())
    content = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(content) - 1)))
        how = draw(st.sampled_from(["cut", "flip", "insert", "drop"]))
        if how == "cut":
            del content[place:]
        elif how == "insert":
            content[place:place] = draw(st.binary(min_size=1, max_size=8))
        elif how == "drop":
            del content[place : place + draw(st.integers(1, 64))]
        elif content:
            content[place] ^= draw(st.integers(1, 255))
    return bytes(content)


def stored(name: str, content: bytes) -> RunStore:
    run = RunStore("memory://arrays/0123456789abcdef")
    run.folder.write(name, content)
    return run


def record_of(content: bytes) -> ShardRecord:
    """The record that whoever forged the rows would write."""
    return RECORD.model_copy(update={"shard": SHARD, "rows_sha256": hashlib.sha256(content).hexdigest()})


def read_rows(run: RunStore, record: ShardRecord) -> pa.Table:
    (rows,) = run.shards.rows_of([record])
    if isinstance(rows, IntegrityError):
        raise rows
    return rows


@given(damaged(GOOD))
@example(GOOD + b"more")
def test_images_are_what_was_expected_or_refused(content: bytes) -> None:
    try:
        images = stored("shards/00000001.npy", content).shards.images(DATA, SHARD)
    except IntegrityError:
        return
    assert images.shape == IMAGES.shape
    assert images.dtype == np.float32
    assert content.startswith(GOOD[: -IMAGES.nbytes])


@given(damaged(ROWS))
def test_rows_that_are_not_their_record_s_are_not_parsed(content: bytes) -> None:
    run = stored("shards/00000001.parquet", content)
    if content != ROWS:
        with pytest.raises(IntegrityError, match="not the rows of its record"):
            read_rows(run, record_of(ROWS))


@given(damaged(ROWS))
def test_forged_rows_are_parsed_or_refused(content: bytes) -> None:
    try:
        rows = read_rows(stored("shards/00000001.parquet", content), record_of(content))
    except IntegrityError:
        return
    assert len(rows) == SHARD.count


@given(damaged(INDEX_MAP))
def test_an_index_map_is_one_or_refused(content: bytes) -> None:
    try:
        found = IndexMap.load(io.BytesIO(content))
    except IntegrityError:
        return
    assert found.find(hashlib.sha256(b"\0").digest()).tolist() in ([], *([i] for i in range(5)))


@pytest.mark.parametrize(
    "change",
    [
        {"digests": np.zeros((5, 31), np.uint8)},
        {"digests": np.zeros((4, 32), np.uint8)},
        {"digests": np.zeros((5, 32), np.float32)},
        {"index": np.zeros(5, np.int32)},
        {"label": np.array(1)},
        {"label": b"no array at all"},
    ],
)
def test_an_index_map_of_other_shapes_is_refused(change: dict[str, Any]) -> None:
    good = {"digests": np.zeros((5, 32), np.uint8), **dict.fromkeys(("index", "label", "attack_label"), np.arange(5))}
    with pytest.raises(IntegrityError, match="not an index map"):
        IndexMap.load(io.BytesIO(archive({**good, **change})))


@given(damaged(DATA_SET))
@example(archive({"images": b"no array at all", "labels": np.arange(3)}))
@example(archive({"images": header((10**15, 2, 2, 1), "|u1"), "labels": np.arange(3)}))
def test_a_data_set_is_one_or_refused(content: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        file.write(content)
        file.flush()
        try:
            found = load_image_set(open_images(file.name))
        except DataError as error:
            refusal = str(error)
        else:
            assert str(found.images.dtype) in {"uint8", "float32"}
            assert found.labels is None or len(found.images) == len(found.labels)
            return
    assert "expected" in refusal


@pytest.mark.parametrize(
    "change",
    [
        {"label": None},
        {"surprise": pa.array([1, 2, 3])},
        {"success": pa.array([1, 0, 1])},
        {"ssim": pa.array([1.0, None, 1.0])},
        {"digest": pa.array(["0" * 64, "../x", "0" * 64])},
        {"digest": pa.array(["0" * 64, "0" * 63, "0" * 64])},
        {"index": pa.array([3, 4, 6])},
    ],
)
def test_rows_of_another_table_are_refused(change: dict[str, Any]) -> None:
    content = parquet(table(**change))
    run = stored("shards/00000001.parquet", content)
    with pytest.raises(IntegrityError, match="shard 1: its rows"):
        checked_rows(run, manifest(), [record_of(content)])


@pytest.mark.parametrize(
    "head",
    [
        header((10**15,)),
        header((10**15, 2, 2, 1)),
        header((3, 2, 2, 10**15)),
        header((3, 2, 2, 1), version=(2, 0)),
        header((3, 2, 2, 1), "|O"),
        header((-3, 2, 2, 1)),
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 200,
        b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535,
    ],
)
@pytest.mark.parametrize("what", ["shard", "images", "labels", "attack_data"])
def test_a_header_is_not_believed(head: bytes, what: str) -> None:
    assert DATA.labels is not None
    reads: dict[str, tuple[str, Callable[[RunStore], Any]]] = {
        "shard": ("shards/00000001.npy", lambda run: run.shards.images(DATA, SHARD)),
        "images": (f"inputs/{DATA.images.name}", lambda run: run.inputs.images(DATA, 0, 2)),
        "labels": (f"inputs/{DATA.labels.name}", lambda run: run.inputs.labels(DATA, 0, 2)),
        "attack_data": ("attack_data.npy", lambda run: run.results.attack_data(DATA, 0, 2)),
    }
    name, read = reads[what]
    run = stored(name, head + bytes(4096))
    tracemalloc.start()
    try:
        with pytest.raises(IntegrityError, match="not an array of shape"):
            read(run)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    run.folder.remove(name)
    with pytest.raises(IntegrityError, match="missing"):
        read(RunStore(run.url))


def test_more_rows_than_the_shard_has_are_not_read() -> None:
    """Ten million equal rows are a few kilobytes of Parquet."""
    content = parquet(pa.table({"index": pa.array(np.zeros(10**7, np.int64))}))
    assert len(content) < 100_000
    before = pa.total_allocated_bytes()
    with pytest.raises(IntegrityError, match="10000000 rows for 3 images"):
        read_rows(stored("shards/00000001.parquet", content), record_of(content))
    assert pa.total_allocated_bytes() - before < 1 << 20
