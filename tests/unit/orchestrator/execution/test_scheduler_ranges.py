"""The watch loop with tasks of several shards: they come and fail together, and are sent again one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.reduce.reduce_run import reduce_run
from core.run.records import Attempt
from core.run.run_store import ATTACK_DATA, REDUCE, RunStore
from core.run.shard_range import Span
from core.shard.attack_shard import run_shard
from orchestrator.execution.scheduler import Part
from tests.made_up_fleet import Fleet, watching
from tests.runs import linear_classifier, planned

pytestmark = pytest.mark.timeout(30)
A, B, C = Span(0, 2), Span(3, 5), Span(6, 7)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: Any) -> RunStore:
    return planned(tmp_path, monkeypatch, shards=8, shards_per_task=3)


def test_an_undisturbed_run_sends_each_block_once(run: RunStore) -> None:
    fleet = Fleet(run)
    watch = watching(fleet)
    watch.shards()
    assert (watch.state.done, watch.state.images_done) == (8, 30)
    report = watch.reduce()
    assert report.complete
    assert report.executions == 8
    assert fleet.sent == [A, B, C, REDUCE]
    assert watch.state.successes == round(30 * report.success_rate)


def test_shards_that_failed_together_go_on_one_by_one(run: RunStore) -> None:
    fleet = Fleet(run)
    fleet.fail = {B: ["WorkerLostError: killed"], 4: ["WorkerLostError: killed"] * 9}
    watch = watching(fleet)
    watch.shards()
    assert fleet.sent == [A, B, C, 3, 4, 5, 4, 4]
    assert run.quarantined() == {4: "3 attempts: WorkerLostError: killed"}
    report = watch.reduce()
    assert report.missing_shards == [4]
    assert report.executions == 3 + 3 + 2 + 3 + 2


def test_a_block_that_failed_for_an_earlier_orchestrator_is_not_tried_again_together(run: RunStore) -> None:
    run.write_attempt(A, Attempt(task_id="old", worker="w", started=0, error="it kills"))
    fleet = Fleet(run)
    watching(fleet).shards()
    assert fleet.sent == [B, C, 0, 1, 2]


def test_of_a_block_that_is_partly_there_the_rest_is_sent_alone(run: RunStore) -> None:
    run_shard(run, 4, linear_classifier, "earlier")
    fleet = Fleet(run)
    watch = watching(fleet)
    watch.shards()
    assert fleet.sent == [A, 3, 5, C]
    assert (watch.state.done, watch.state.images_done) == (8, 30)


def test_a_quarantined_shard_leaves_its_neighbours_alone(run: RunStore) -> None:
    run.quarantine(4, "given up before")
    fleet = Fleet(run)
    watching(fleet).shards()
    assert fleet.sent == [A, 3, 5, C]


def test_a_lost_message_is_sent_again(run: RunStore) -> None:
    fleet = Fleet(run)
    fleet.lose = [B]
    watching(fleet).shards()
    assert fleet.sent == [A, B, C, B]


def test_a_late_block_ends_what_is_under_way_alone_and_lifts_a_quarantine(run: RunStore) -> None:
    fleet = Fleet(run)
    fleet.fail = {B: ["NoSignOfLife"], 4: ["ValueError: bad"] * 3}
    fleet.vanish = [3]

    def tend() -> list[str]:
        if run.quarantined() and not run.has_record(B):
            run_shard(run, B, linear_classifier, "late")
        return []

    watch = watching(fleet, tend=tend, lease=3600)
    watch.shards()
    assert fleet.sent.count(3) == 1
    assert run.quarantined() == {}
    assert (watch.state.done, watch.state.images_done, watch.state.quarantined) == (8, 30, 0)
    report = watch.reduce()
    assert report.complete
    assert watch.state.successes == round(30 * report.success_rate), "no shard counts twice"


def test_a_torn_record_of_several_is_made_again(run: RunStore) -> None:
    fleet = Fleet(run)

    def send(part: Part) -> None:
        fleet.send(part)
        if part == B:
            run.folder.write("shards/00000003-00000005.json", b'{"shard":')

    watch = watching(fleet, lease=3600, idle=3600)
    watch._send_message = send
    watch.shards()
    assert fleet.sent == [A, B, C, 3, 4, 5]
    assert run.done() == set(range(8))


def test_damaged_images_of_several_are_made_again_together(run: RunStore) -> None:
    fleet = Fleet(run)
    watch = watching(fleet)
    watch.shards()
    reduce_run(run, linear_classifier)
    before = run.result_bytes(ATTACK_DATA)
    run.folder.remove("report.json")
    run.folder.write("shards/00000000-00000002.npy", b"torn")
    assert watch.reduce().complete
    assert fleet.sent == [A, B, C, REDUCE, A, REDUCE]
    assert run.result_bytes(ATTACK_DATA) == before
    assert (watch.state.done, watch.state.images_done, watch.state.remade) == (8, 30, 3)


def test_a_slow_block_gets_a_copy(run: RunStore) -> None:
    fleet = Fleet(run)
    fleet.vanish = [B]
    watch = watching(fleet, lease=3600, slow=0.1)
    watch._seconds.extend([0.0, 0.0, 0.0])
    watch.shards()
    assert fleet.sent == [A, B, C, B]
    assert watch.state.copies == 1


def test_a_resumed_run_takes_note_of_blocks_and_of_single_shards(run: RunStore) -> None:
    for part in (A, 3, 4, 7):
        run_shard(run, part, linear_classifier, "earlier")
    fleet = Fleet(run)
    watch = watching(fleet)
    watch.shards()
    assert fleet.sent == [5, 6]
    assert (watch.state.done, watch.state.images_done) == (8, 30)
