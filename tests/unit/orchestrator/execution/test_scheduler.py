"""The scheduler against a made-up fleet: what it sends, sends again, and gives up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.errors import AdvshardError
from core.run.records import Attempt
from core.run.run_store import RunStore
from core.run.work_unit import single
from core.shard.attack_shard import run_shard
from tests.made_up_fleet import Fleet, Key, scheduler
from tests.runs import linear_classifier, planned

pytestmark = pytest.mark.timeout(30)


def finish(run: RunStore, index: int, worker: str) -> None:
    run_shard(run, single(index), linear_classifier, worker)


def test_an_undisturbed_run_sends_everything_once(fleet: Fleet) -> None:
    driven = scheduler(fleet)
    driven.attack()
    assert driven.reduce().complete
    assert fleet.sent == [0, 1, 2, 3, "reduce"]
    assert driven.progress.images == 30
    assert driven.counters.resent == 0
    assert driven.counters.messages == 4, "the reduce reports what was sent before it"


def test_what_is_finished_is_not_sent(run: RunStore, fleet: Fleet) -> None:
    finish(run, 2, "earlier")
    driven = scheduler(fleet)
    driven.attack()
    assert fleet.sent == [0, 1, 3]
    assert driven.progress.images == 30


def test_a_lost_message_is_sent_again(fleet: Fleet) -> None:
    fleet.lose = [1, "reduce"]
    driven = scheduler(fleet)
    driven.attack()
    assert driven.reduce().complete
    assert fleet.sent == [0, 1, 2, 3, 1, "reduce", "reduce"]


def test_a_failed_shard_is_tried_again(fleet: Fleet) -> None:
    fleet.fail = {2: ["OSError: once"], "reduce": ["OSError: once"]}
    driven = scheduler(fleet)
    driven.attack()
    report = driven.reduce()
    assert report.complete
    assert fleet.sent.count(2) == 2
    assert report.history.attempts == 5


def test_a_worker_that_died_silently_is_missed_after_the_lease(fleet: Fleet) -> None:
    fleet.vanish = [0, 3]
    began = fleet.clock.now()
    scheduler(fleet, lease=30).attack()
    assert fleet.sent == [0, 1, 2, 3, 0, 3]
    assert fleet.replaced == ["w1", "w1"]
    assert 30 < fleet.clock.now() - began < 32


def test_a_worker_known_to_be_dead_is_not_waited_for(fleet: Fleet) -> None:
    fleet.vanish, fleet.lose, fleet.died = [0], [3], ["w1"]
    began = fleet.clock.now()
    scheduler(fleet).attack()
    assert sorted(fleet.sent[4:], key=str) == [0, 3]
    assert fleet.clock.now() - began < 1


def test_a_long_shard_with_a_heartbeat_is_left_alone(run: RunStore, fleet: Fleet) -> None:
    fleet.vanish = [1]
    began = fleet.clock.now()

    def renew() -> None:
        passed = fleet.clock.now() - began
        for attempt in run.attempts.of(single(1)):
            run.attempts.write(single(1), attempt.model_copy(update={"heartbeat": int(passed / 5)}))
        if passed > 300:
            finish(run, 1, "w1")

    fleet.each_turn = renew
    scheduler(fleet, slow=3600, poll=10).attack()
    assert fleet.sent == [0, 1, 2, 3]


def test_a_shard_that_always_fails_is_quarantined_and_the_run_goes_on(fleet: Fleet) -> None:
    fleet.fail = {1: ["ValueError: bad"] * 9}
    driven = scheduler(fleet)
    driven.attack()
    assert fleet.sent.count(1) == 3
    report = driven.reduce()
    assert not report.complete
    assert report.missing_shards == [1]
    assert report.quarantined_shards == [1]
    assert report.errors == {1: "3 attempts: ValueError: bad"}


@pytest.mark.parametrize("before", [3, 2])
def test_the_attempts_of_an_earlier_orchestrator_count(run: RunStore, fleet: Fleet, before: int) -> None:
    for number in range(before):
        run.attempts.write(single(1), Attempt(task_id=f"old-{number}", worker="w", started=number, error="it kills"))
    fleet.fail = {1: ["it kills"] * 9}
    scheduler(fleet).attack()
    assert fleet.sent.count(1) == 3 - before
    assert run.quarantine.errors() == {1: "3 attempts: it kills"}


def test_a_damaged_shard_found_by_the_reduce_is_attacked_again(run: RunStore, fleet: Fleet) -> None:
    driven = scheduler(fleet)
    driven.attack()
    run.folder.write("shards/00000002.npy", b"torn")
    assert driven.reduce().complete
    assert fleet.sent == [0, 1, 2, 3, "reduce", 2, "reduce"]
    progress = driven.progress
    assert (driven.counters.damaged_shards, progress.shards, progress.images) == (1, 4, 30)
    records = [run.shards.record(single(index)) for index in range(4)]
    assert progress.successes == sum(record.successes for record in records if record)


def test_a_torn_record_is_made_again(run: RunStore, fleet: Fleet) -> None:
    finish(run, 0, "earlier")
    run.folder.write("shards/00000000.json", b'{"shard":')
    scheduler(fleet).attack()
    assert fleet.sent == [0, 1, 2, 3]
    assert run.shards.finished_indices() == {0, 1, 2, 3}


def test_a_record_torn_as_it_was_written_is_not_waited_for(run: RunStore, fleet: Fleet) -> None:
    def tear(unit: Key) -> None:
        if unit == 2 and fleet.sent.count(2) == 1:
            run.folder.write("shards/00000002.json", b'{"shard":')

    fleet.after_send = tear
    began = fleet.clock.now()
    scheduler(fleet).attack()
    assert fleet.sent == [0, 1, 2, 3, 2]
    assert run.shards.finished_indices() == {0, 1, 2, 3}
    assert fleet.clock.now() - began < 1


def test_a_reduce_that_always_fails_ends_the_run(fleet: Fleet) -> None:
    fleet.fail = {"reduce": ["ValueError: bad"] * 9}
    driven = scheduler(fleet)
    driven.attack()
    with pytest.raises(AdvshardError, match="the reduce failed 3 times: ValueError: bad"):
        driven.reduce()


def test_a_cancelled_run_ends(run: RunStore, fleet: Fleet) -> None:
    fleet.lose = [0, 1, 2, 3]
    fleet.after_send = lambda unit: run.cancel()
    with pytest.raises(AdvshardError, match="the run was cancelled"):
        scheduler(fleet).attack()


def test_workers_that_are_busy_elsewhere_do_not_get_duplicates_over_and_over(fleet: Fleet) -> None:
    fleet.lose = [0, 1, 2, 3] * 6
    began = fleet.clock.now()
    driven = scheduler(fleet, idle=10)
    driven.attack()
    waited = fleet.clock.now() - began
    assert 10 * (2**6 - 1) < waited < 10 * (2**6 - 1) + 6 * 2, "waits of 10, 20, 40, ... seconds, not six times 10"
    assert "no worker took anything" in {progress.note for progress in fleet.shown}
    assert driven.progress.note == ""


def test_a_window_of_messages_is_in_flight(run: RunStore, fleet: Fleet) -> None:
    queued: list[Key] = []
    most: list[int] = []
    fleet.lose = [0, 1, 2, 3]  # done at the next turn instead
    fleet.after_send = queued.append

    def work() -> None:
        most.append(len(queued))
        if queued:
            index = queued.pop(0)
            assert isinstance(index, int)
            finish(run, index, "w1")

    fleet.each_turn = work
    scheduler(fleet, window=2).attack()
    assert max(most) == 2
    assert fleet.sent == [0, 1, 2, 3]


@pytest.mark.slow
def test_a_shard_that_never_ends_is_given_up_at_its_time_limit(tmp_path: Path, monkeypatch: Any) -> None:
    """Its worker renews the heartbeat, but neither it nor the worker's own limit ends the attempt."""
    run = planned(tmp_path, monkeypatch, time_limit=100, max_attempts=2)
    fleet = Fleet(run)
    fleet.vanish = [1, 1]

    def renew() -> None:
        for attempt in run.attempts.of(single(1)):  # also those that were given up: their workers do not know
            beat = {"heartbeat": int(fleet.clock.now()), "error": None}
            run.attempts.write(single(1), attempt.model_copy(update=beat))

    fleet.each_turn = renew
    scheduler(fleet, slow=3600).attack()
    assert fleet.sent == [0, 1, 2, 3, 1]
    assert list(run.quarantine.errors()) == [1]
    assert run.quarantine.errors()[1].startswith("2 attempts: TimeLimitExceeded: still running on w1 after 13")


def test_a_worker_given_up_is_counted_by_the_next_orchestrator(run: RunStore, fleet: Fleet) -> None:
    fleet.vanish = [1]
    scheduler(fleet, slow=3600).attack()
    errors = [attempt.error for attempt in run.attempts.of(single(1))]
    assert errors == ["HeartbeatLost: nothing from w1 for 30 s", None]


def test_a_slow_shard_gets_a_speculative_attempt_near_the_end(run: RunStore, fleet: Fleet) -> None:
    fleet.vanish = [3]  # the last one is started, and does not end
    driven = scheduler(fleet, lease=3600)
    driven.attack()
    assert fleet.sent == [0, 1, 2, 3, 3]
    assert driven.progress.speculative_attempts == 1
    assert driven.progress.resent == 0
    assert [attempt.error for attempt in run.attempts.of(single(3))] == [None, None], "nothing failed"


def test_there_is_no_speculation_while_other_units_wait_for_a_worker(tmp_path: Path, monkeypatch: Any) -> None:
    fleet = Fleet(planned(tmp_path, monkeypatch, shards=6))
    fleet.vanish, fleet.lose = [0], [5]
    scheduler(fleet, lease=3600, slow=5, idle=30).attack()
    assert fleet.sent == [0, 1, 2, 3, 4, 5, 5, 0]


def test_a_speculative_attempt_does_not_make_one_failure_two(run: RunStore, fleet: Fleet) -> None:
    """The first attempt hangs, the speculative one fails: only when both are over is the shard sent again."""
    fleet.vanish = [3]

    def fail_second(unit: Key) -> None:
        if fleet.sent.count(3) == 1 and unit == 3:
            fleet.fail[3] = ["ValueError: bad"]

    fleet.before_send = fail_second
    scheduler(fleet, lease=100, slow=20).attack()
    assert fleet.sent == [0, 1, 2, 3, 3, 3]
    assert run.quarantine.errors() == {}


def test_a_queue_that_remembers_does_not_send_for_ever(tmp_path: Path, monkeypatch: Any) -> None:
    """A worker died, and what seemed to be lost with it was only waiting; more shards than fit into the window."""
    run = planned(tmp_path, monkeypatch, shards=6)
    fleet = Fleet(run)
    fleet.lose = [index for index in range(6) for _ in range(99)]
    queue: list[Key] = []

    def work() -> None:
        if len(fleet.sent) == 2 and not queue[2:]:
            fleet.died = ["somebody"]
        elif queue and len(fleet.sent) > 2:
            index = queue.pop(0)
            assert isinstance(index, int)
            if index not in run.shards.finished_indices():
                finish(run, index, "w1")

    fleet.after_send, fleet.each_turn = queue.append, work
    scheduler(fleet, window=2, idle=3600).attack()
    assert run.shards.finished_indices() == set(range(6))
    assert len(fleet.sent) < 12


def test_a_late_attempt_lifts_a_quarantine(run: RunStore, fleet: Fleet) -> None:
    fleet.fail = {1: ["ValueError: bad"] * 3}
    fleet.vanish = [3]

    def finish_late() -> None:
        if run.quarantine.errors() and not run.shards.has_record(single(1)):
            finish(run, 1, "late")
            finish(run, 3, "w1")

    fleet.each_turn = finish_late
    driven = scheduler(fleet, lease=3600)
    driven.attack()
    assert run.quarantine.errors() == {}
    assert driven.progress.quarantined == 0
    report = driven.reduce()
    assert report.complete
    assert report.quarantined_shards == []


def test_a_shard_that_is_damaged_each_time_is_given_up(run: RunStore, fleet: Fleet) -> None:
    def damage(unit: Key) -> None:
        if unit == 2:
            run.folder.write("shards/00000002.npy", b"torn")

    fleet.after_send = damage
    driven = scheduler(fleet)
    driven.attack()
    report = driven.reduce()
    assert report.missing_shards == [2]
    assert "3 times: IntegrityError" in report.errors[2]


def test_shards_that_another_orchestrator_finished_are_counted_and_not_sent(tmp_path: Path, monkeypatch: Any) -> None:
    """Among them those that were not yet in flight here, and that no listing has shown."""
    run = planned(tmp_path, monkeypatch, shards=9)
    fleet = Fleet(run)

    def others(unit: Key) -> None:
        if not fleet.sent:
            for index in (3, 4, 5, 8):
                finish(run, index, "theirs")

    fleet.before_send = others
    driven = scheduler(fleet, window=2)
    driven.attack()
    assert fleet.sent == [0, 1, 2, 6, 7]
    assert (driven.progress.shards, driven.progress.images) == (9, 30)
