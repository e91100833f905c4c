from __future__ import annotations

from pathlib import Path
from typing import Any

from core.run.work_unit import ShardRange, single
from core.shard.attack_shard import finished_record, run_shard
from tests.runs import linear_classifier, planned


def test_a_shard_is_finished_alone_or_in_its_range(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch, shards=6, shards_per_task=3)
    assert finished_record(run, single(0)) is None
    whole = run_shard(run, ShardRange(0, 2), linear_classifier, "w")
    assert [finished_record(run, shards) for shards in (single(0), single(2), ShardRange(0, 2))] == [whole] * 3
    assert run_shard(run, single(1), linear_classifier, "late") == whole
    alone = run_shard(run, single(4), linear_classifier, "w")
    assert [finished_record(run, shards) for shards in (single(3), single(4), ShardRange(3, 5))] == [None, alone, None]


def test_a_record_that_is_torn_is_made_again(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch)
    made = run_shard(run, single(1), linear_classifier, "w")
    (record,) = (Path(run.url) / "shards").glob("*1.json")
    record.write_bytes(record.read_bytes()[:20])
    assert finished_record(run, single(1)) is None
    assert run_shard(run, single(1), linear_classifier, "w").images_sha256 == made.images_sha256
    assert finished_record(run, single(1)) is not None
