"""Shard ranges: which shards go together, their files, and that the result does not depend on them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import IntegrityError
from core.reduce.reduce_run import reduce_run
from core.run.layout import ATTACK_DATA, INDEX_MAP, LEDGER
from core.run.manifest import Manifest
from core.run.run_store import RunStore
from core.run.work_unit import MAX_RANGE, ShardRange, range_size, single
from core.shard.attack_shard import run_shard
from tests.runs import linear_classifier, planned, save_set
from tests.unit.core.run.test_manifest import manifest


@st.composite
def plans(draw: st.DrawFn) -> Manifest:
    count = draw(st.integers(1, 1000))
    return manifest(count, draw(st.integers(1, count)), shards_per_task=draw(st.integers(1, 9)))


@given(plans())
def test_ranges_hold_each_shard_once_and_their_images_without_a_gap(plan: Manifest) -> None:
    ranges = [plan.range_of(index) for index in range(plan.shards)]
    assert all(index in shards for index, shards in enumerate(ranges))
    each = sorted(set(ranges), key=lambda shards: shards.first)
    assert [index for shards in each for index in shards] == list(range(plan.shards))
    assert {len(shards) for shards in each[:-1]} <= {plan.shards_per_task}
    for shards in each:
        slices = [plan.slice_of(single(index)) for index in shards]
        whole = plan.slice_of(shards)
        assert (whole.start, whole.stop) == (slices[0].start, slices[-1].stop)
        assert whole.count == sum(each.count for each in slices)
        assert whole.range == shards


@given(st.integers(1, 10**9), st.integers(1, 10**8), st.tuples(st.integers(1, 999), st.integers(1, 999), st.just(3)))
def test_only_small_shards_of_a_run_of_many_go_together(images: int, shards: int, shape: tuple[int, ...]) -> None:
    shards = min(images, shards)
    size = range_size(images, shards, shape)
    assert 1 <= size <= MAX_RANGE
    if size > 1:
        assert shards // size >= 64, "as many tasks as a run of 64 shards"
        each = -(-images // shards)
        assert size * each <= 256
        assert size * each * math.prod(shape) <= 4 << 20


@pytest.mark.parametrize(
    ("images", "shards", "size"), [(10_000, 1, 1), (10_000, 64, 1), (10_000, 127, 1), (10_000, 128, 2)]
)
def test_a_run_of_few_shards_has_a_task_for_each(images: int, shards: int, size: int) -> None:
    assert range_size(images, shards, (28, 28, 1)) == size


def test_a_thousand_shards_of_ten_images() -> None:
    assert range_size(10_000, 1_000, (28, 28, 1)) == 15
    assert range_size(10_000, 1_000, (224, 224, 3)) == 2, "larger images, fewer of them"


def attack(run: RunStore, *parts: int | ShardRange) -> None:
    for part in parts:
        run_shard(run, single(part) if isinstance(part, int) else part, linear_classifier, "w")


def result(run: RunStore) -> tuple[bytes, ...]:
    report = reduce_run(run, linear_classifier)
    assert report.complete
    assert all(check.passed for check in report.audit), report.audit
    assert any(check.detail.startswith("8 shards read back") for check in report.audit), report.audit
    return tuple(map(run.results.content, (ATTACK_DATA, LEDGER, INDEX_MAP)))


def test_the_result_is_that_of_shards_alone(tmp_path: Path, monkeypatch: Any) -> None:
    """Together, alone, both, and some made twice: attack data, ledger and index map are the same to the byte."""
    data = save_set(tmp_path / "set.npz", 50)

    def run_of(name: str) -> RunStore:
        (tmp_path / name).mkdir()
        return planned(tmp_path / name, monkeypatch, data=data, shards=8, shards_per_task=3)

    alone = run_of("alone")
    attack(alone, *range(8))
    expected = result(alone)
    for name, parts in {
        "together": (ShardRange(0, 2), ShardRange(3, 5), ShardRange(6, 7)),
        "mixed": (ShardRange(3, 5), 2, 0, 1, 6, 7),
        "twice": (4, ShardRange(0, 2), 5, 7, ShardRange(3, 5), 1, 3, 6),
    }.items():
        run = run_of(name)
        attack(run, *parts)
        assert run.shards.finished_indices() == set(range(8))
        assert result(run) == expected, name


def test_what_was_made_twice_is_taken_once(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch, shards=8, shards_per_task=3)
    attack(run, 1, 6, ShardRange(0, 2))
    assert run.shards.finished() == [ShardRange(0, 2), single(6)]
    run.shards.forget(ShardRange(0, 2))
    assert run.shards.finished() == [single(1), single(6)]


def test_a_record_of_other_shards_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch, shards=8, shards_per_task=3)
    attack(run, ShardRange(0, 2))
    run.folder.write("shards/00000003-00000005.json", run.folder.read("shards/00000000-00000002.json"))
    with pytest.raises(IntegrityError, match="the record of shards 0 to 2, not of shards 3 to 5"):
        run.shards.record(ShardRange(3, 5))


@pytest.mark.parametrize("suffix", ["npy", "parquet", "json"])
def test_damaged_shards_are_forgotten_together(tmp_path: Path, monkeypatch: Any, suffix: str) -> None:
    run = planned(tmp_path, monkeypatch, shards=8, shards_per_task=3)
    attack(run, ShardRange(0, 2), ShardRange(3, 5), ShardRange(6, 7))
    name = f"shards/00000003-00000005.{suffix}"
    content = run.folder.read(name)
    run.folder.write(name, content[:-9] + b"\0" * 9)
    with pytest.raises(IntegrityError):
        reduce_run(run, linear_classifier)
    assert run.shards.finished() == [ShardRange(0, 2), ShardRange(6, 7)]


def test_a_record_says_what_the_shards_had_in_all(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch, shards=4, shards_per_task=3)
    alone = [run_shard(run, single(index), linear_classifier, "w") for index in range(3)]
    together = run_shard(run, ShardRange(0, 2), linear_classifier, "w")
    assert together.shard.count == sum(record.shard.count for record in alone)
    assert together.successes == sum(record.successes for record in alone) > 0
    assert together.cpu_seconds > 0
