"""The index map of any number of images, made in buckets, is the one made in memory."""

from __future__ import annotations

import hashlib
import io
import itertools
from contextlib import closing
from tempfile import SpooledTemporaryFile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.reduce import index_builder as index_build
from core.reduce.index_builder import IndexBuilder
from core.run.index_map import IndexMap
from core.run.work_unit import single


def saved(found: list[bytes], labels: np.ndarray, cuts: list[int]) -> tuple[bytes, int]:
    with closing(IndexBuilder()) as builder:
        table = np.frombuffer(b"".join(found), np.uint8).reshape(-1, 32)
        places = [0, *sorted(min(cut, len(found)) for cut in cuts), len(found)]
        for start, stop in itertools.pairwise(places):
            builder.add(table[start:stop], np.arange(start, stop), labels[start:stop], -labels[start:stop])
        first, second = io.BytesIO(), io.BytesIO()
        builder.save(first)
        builder.save(second)
        assert first.getvalue() == second.getvalue(), "a store that failed asks for it again"
        return first.getvalue(), builder.duplicates()


DIGESTS = st.one_of(
    st.integers(0, 5).map(lambda number: hashlib.sha256(bytes([number])).digest()),
    st.binary(min_size=32, max_size=32),
    # Alike in all but the last bits.
    st.integers(0, 3).map(lambda number: bytes(31) + bytes([number])),
)


@given(st.lists(DIGESTS, max_size=40), st.lists(st.integers(0, 40), max_size=5))
def test_it_is_the_map_made_in_memory_to_the_byte(found: list[bytes], cuts: list[int]) -> None:
    labels = np.arange(len(found)) % 7
    expected, buffer = IndexMap.build(found, labels, -labels), io.BytesIO()
    expected.save(buffer)
    content, duplicates = saved(found, labels, cuts)
    assert content == buffer.getvalue()
    assert duplicates == expected.duplicates


def test_it_goes_to_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_build, "IN_MEMORY", 100)
    found = [hashlib.sha256(str(number // 2).encode()).digest() for number in range(1000)]
    buffer = io.BytesIO()
    IndexMap.build(found, np.arange(1000), -np.arange(1000)).save(buffer)
    content, duplicates = saved(found, np.arange(1000), [10, 500])
    assert content == buffer.getvalue()
    assert duplicates == 500


def test_temporary_files_are_closed_where_the_reduce_fails(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    files: list[SpooledTemporaryFile[bytes]] = []

    class Recorded(SpooledTemporaryFile[bytes]):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            files.append(self)

    monkeypatch.setattr(index_build, "SpooledTemporaryFile", {bytes: Recorded})
    from core.errors import IntegrityError
    from core.reduce.reduce_run import reduce_run
    from core.shard.attack_shard import run_shard
    from tests.runs import linear_classifier, planned

    run = planned(tmp_path, monkeypatch)
    for index in range(4):
        run_shard(run, single(index), linear_classifier, "w")
    run.folder.write("shards/00000002.parquet", b"torn")
    with pytest.raises(IntegrityError):
        reduce_run(run, linear_classifier)
    assert files
    assert all(file.closed for file in files)
