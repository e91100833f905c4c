"""The scheduler with tasks of several shards: they finish and fail together, and are sent again one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.reduce.reduce_run import reduce_run
from core.run.layout import ATTACK_DATA
from core.run.records import Attempt
from core.run.run_store import RunStore
from core.run.work_unit import ShardRange, single
from core.shard.attack_shard import run_shard
from tests.made_up_fleet import Fleet, Key, scheduler
from tests.runs import linear_classifier, planned

pytestmark = pytest.mark.timeout(30)
A, B, C = (0, 2), (3, 5), (6, 7)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: Any) -> RunStore:
    return planned(tmp_path, monkeypatch, shards=8, shards_per_task=3)


def test_an_undisturbed_run_sends_each_range_once(run: RunStore) -> None:
    fleet = Fleet(run)
    driven = scheduler(fleet)
    driven.attack()
    assert (driven.progress.shards, driven.progress.images) == (8, 30)
    report = driven.reduce()
    assert report.complete
    assert report.history.attempts == 8
    assert fleet.sent == [A, B, C, "reduce"]
    assert driven.progress.successes == round(30 * report.success_rate)


def test_shards_that_failed_together_go_on_one_by_one(run: RunStore) -> None:
    fleet = Fleet(run)
    fleet.fail = {B: ["WorkerLostError: killed"], 4: ["WorkerLostError: killed"] * 9}
    driven = scheduler(fleet)
    driven.attack()
    assert fleet.sent == [A, B, C, 3, 4, 5, 4, 4]
    assert run.quarantine.errors() == {4: "3 attempts: WorkerLostError: killed"}
    report = driven.reduce()
    assert report.missing_shards == [4]
    assert report.history.attempts == 3 + 3 + 2 + 3 + 2


def test_a_range_that_failed_for_an_earlier_orchestrator_is_not_tried_again_together(run: RunStore) -> None:
    run.attempts.write(ShardRange(*A), Attempt(task_id="old", worker="w", started=0, error="it kills"))
    fleet = Fleet(run)
    scheduler(fleet).attack()
    assert fleet.sent == [B, C, 0, 1, 2]


def test_of_a_range_that_is_partly_there_the_rest_is_sent_alone(run: RunStore) -> None:
    run_shard(run, single(4), linear_classifier, "earlier")
    fleet = Fleet(run)
    driven = scheduler(fleet)
    driven.attack()
    assert fleet.sent == [A, 3, 5, C]
    assert (driven.progress.shards, driven.progress.images) == (8, 30)


def test_a_quarantined_shard_leaves_its_neighbours_alone(run: RunStore) -> None:
    run.quarantine.add(4, "given up before")
    fleet = Fleet(run)
    scheduler(fleet).attack()
    assert fleet.sent == [A, 3, 5, C]


def test_a_lost_message_is_sent_again(run: RunStore) -> None:
    fleet = Fleet(run)
    fleet.lose = [B]
    scheduler(fleet).attack()
    assert fleet.sent == [A, B, C, B]


def test_a_late_range_ends_what_is_in_flight_alone_and_lifts_a_quarantine(run: RunStore) -> None:
    fleet = Fleet(run)
    fleet.fail = {B: ["HeartbeatLost"], 4: ["ValueError: bad"] * 3}
    fleet.vanish = [3]

    def finish_late() -> None:
        if run.quarantine.errors() and not run.shards.has_record(ShardRange(*B)):
            run_shard(run, ShardRange(*B), linear_classifier, "late")

    fleet.each_turn = finish_late
    driven = scheduler(fleet, lease=3600)
    driven.attack()
    assert fleet.sent.count(3) == 1
    assert run.quarantine.errors() == {}
    assert (driven.progress.shards, driven.progress.images, driven.progress.quarantined) == (8, 30, 0)
    report = driven.reduce()
    assert report.complete
    assert driven.progress.successes == round(30 * report.success_rate), "no shard counts twice"


def test_a_torn_record_of_several_is_made_again(run: RunStore) -> None:
    fleet = Fleet(run)

    def tear(unit: Key) -> None:
        if unit == B:
            run.folder.write("shards/00000003-00000005.json", b'{"shard":')

    fleet.after_send = tear
    driven = scheduler(fleet, lease=3600, idle=3600)
    driven.attack()
    assert fleet.sent == [A, B, C, 3, 4, 5]
    assert run.shards.finished_indices() == set(range(8))


def test_damaged_images_of_several_are_made_again_together(run: RunStore) -> None:
    fleet = Fleet(run)
    driven = scheduler(fleet)
    driven.attack()
    reduce_run(run, linear_classifier)
    before = run.results.content(ATTACK_DATA)
    run.folder.remove("report.json")
    run.folder.write("shards/00000000-00000002.npy", b"torn")
    assert driven.reduce().complete
    assert fleet.sent == [A, B, C, "reduce", A, "reduce"]
    assert run.results.content(ATTACK_DATA) == before
    assert (driven.progress.shards, driven.progress.images, driven.counters.damaged_shards) == (8, 30, 3)


def test_a_slow_shard_gets_a_speculative_attempt(run: RunStore) -> None:
    fleet = Fleet(run)
    fleet.vanish = [5]
    fleet.fail = {B: ["ValueError: bad"]}
    driven = scheduler(fleet, lease=3600)
    driven.attack()
    assert fleet.sent == [A, B, C, 3, 4, 5, 5]
    assert driven.progress.speculative_attempts == 1


def test_a_resumed_run_counts_ranges_and_of_single_shards(run: RunStore) -> None:
    for unit in (ShardRange(*A), *map(single, (3, 4, 7))):
        run_shard(run, unit, linear_classifier, "earlier")
    fleet = Fleet(run)
    driven = scheduler(fleet)
    driven.attack()
    assert fleet.sent == [5, 6]
    assert (driven.progress.shards, driven.progress.images) == (8, 30)
