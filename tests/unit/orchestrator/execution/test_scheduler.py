"""The watch loop against a made-up fleet: what it sends, sends again, and gives up."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from core.errors import AdvshardError, StoreError
from core.run.records import Attempt
from core.run.run_store import REDUCE, RunStore
from core.shard.attack_shard import run_shard
from orchestrator.execution import scheduler as watch_module
from orchestrator.execution.in_flight import Flight
from orchestrator.execution.scheduler import Part, Watch
from tests.made_up_fleet import Fleet, watching
from tests.runs import linear_classifier, planned

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: Any) -> RunStore:
    return planned(tmp_path, monkeypatch)


def test_an_undisturbed_run_sends_everything_once(run: RunStore) -> None:
    fleet = Fleet(run)
    watch = watching(fleet)
    watch.shards()
    assert watch.reduce().complete
    assert fleet.sent == [0, 1, 2, 3, REDUCE]
    assert watch.state.images_done == 30
    assert watch.state.retries == 0


def test_what_is_done_is_not_sent(run: RunStore) -> None:
    run_shard(run, 2, linear_classifier, "earlier")
    fleet = Fleet(run)
    watch = watching(fleet)
    watch.shards()
    assert fleet.sent == [0, 1, 3]
    assert watch.state.images_done == 30
    assert len(watch.state.recent) == 3


def test_a_lost_message_is_sent_again(run: RunStore) -> None:
    fleet = Fleet(run)
    fleet.lose = [1, REDUCE]
    watch = watching(fleet)
    watch.shards()
    assert watch.reduce().complete
    assert fleet.sent == [0, 1, 2, 3, 1, REDUCE, REDUCE]


def test_a_failed_shard_is_tried_again(run: RunStore) -> None:
    fleet = Fleet(run)
    fleet.fail = {2: ["OSError: once"], REDUCE: ["OSError: once"]}
    watch = watching(fleet)
    watch.shards()
    report = watch.reduce()
    assert report.complete
    assert fleet.sent.count(2) == 2
    assert report.executions == 5


def test_a_worker_that_died_silently_is_missed_after_the_lease(run: RunStore) -> None:
    fleet = Fleet(run)
    fleet.vanish = [0, 3]
    replaced: list[str] = []
    watch = watching(fleet, replace=replaced.append)
    watch.shards()
    assert fleet.sent == [0, 1, 2, 3, 0, 3]
    assert replaced == ["w1", "w1"]


def test_a_worker_known_to_be_dead_is_not_waited_for(run: RunStore) -> None:
    fleet = Fleet(run)
    fleet.vanish, fleet.lose, fleet.died = [0], [3], ["w1"]
    watch = watching(fleet, lease=3600, idle=3600)
    watch.shards()
    assert sorted(fleet.sent[4:], key=str) == [0, 3]


def test_a_long_shard_with_a_sign_of_life_is_left_alone(run: RunStore) -> None:
    fleet = Fleet(run)
    fleet.vanish = [1]
    ended = threading.Event()

    def work() -> None:
        for beat in range(1, 12):
            ended.wait(0.25)
            attempt = next((a for a in run.attempts(1)), None)
            if attempt:
                run.write_attempt(1, attempt.model_copy(update={"beat": beat}))
        run_shard(run, 1, linear_classifier, "w1")

    worker = threading.Thread(target=work)
    worker.start()
    watching(fleet, lease=2.0).shards()
    worker.join()
    assert fleet.sent == [0, 1, 2, 3]


def test_a_shard_that_always_fails_is_quarantined_and_the_run_goes_on(run: RunStore) -> None:
    fleet = Fleet(run)
    fleet.fail = {1: ["ValueError: bad"] * 9}
    watch = watching(fleet)
    watch.shards()
    assert fleet.sent.count(1) == 3
    report = watch.reduce()
    assert not report.complete
    assert report.missing_shards == [1]
    assert report.quarantined_shards == [1]
    assert report.errors == {1: "3 attempts: ValueError: bad"}


def test_the_attempts_of_an_earlier_orchestrator_count(run: RunStore) -> None:
    for number in range(3):
        run.write_attempt(1, Attempt(task_id=f"old-{number}", worker="w", started=number, error="it kills"))
    fleet = Fleet(run)
    watching(fleet).shards()
    assert 1 not in fleet.sent
    assert run.quarantined() == {1: "3 attempts: it kills"}


def test_two_old_attempts_leave_one(run: RunStore) -> None:
    for number in range(2):
        run.write_attempt(1, Attempt(task_id=f"old-{number}", worker="w", started=number, error="it kills"))
    fleet = Fleet(run)
    fleet.fail = {1: ["it kills"] * 9}
    watching(fleet).shards()
    assert fleet.sent.count(1) == 1
    assert run.quarantined() == {1: "3 attempts: it kills"}


def test_a_damaged_shard_found_by_the_reduce_is_made_again(run: RunStore) -> None:
    fleet = Fleet(run)
    watch = watching(fleet)
    watch.shards()
    run.folder.write("shards/00000002.npy", b"torn")
    assert watch.reduce().complete
    assert fleet.sent == [0, 1, 2, 3, REDUCE, 2, REDUCE]


def test_a_torn_record_is_made_again(run: RunStore) -> None:
    run_shard(run, 0, linear_classifier, "earlier")
    run.folder.write("shards/00000000.json", b'{"shard":')
    fleet = Fleet(run)
    watching(fleet).shards()
    assert fleet.sent == [0, 1, 2, 3]
    assert run.done() == {0, 1, 2, 3}


def test_a_record_torn_as_it_was_written_is_not_waited_for(run: RunStore) -> None:
    fleet = Fleet(run)

    def send(part: Part) -> None:
        fleet.send(part)
        if part == 2 and fleet.sent.count(2) == 1:
            run.folder.write("shards/00000002.json", b'{"shard":')

    Watch(run, run.manifest(), send, poll=0.01, lease=3600, idle=3600).shards()
    assert fleet.sent == [0, 1, 2, 3, 2]
    assert run.done() == {0, 1, 2, 3}


def test_a_reduce_that_always_fails_ends_the_run(run: RunStore) -> None:
    fleet = Fleet(run)
    fleet.fail = {REDUCE: ["ValueError: bad"] * 9}
    watch = watching(fleet)
    watch.shards()
    with pytest.raises(AdvshardError, match="the reduce failed 3 times: ValueError: bad"):
        watch.reduce()


def test_a_full_disk_ends_the_run_at_once(run: RunStore) -> None:
    fleet = Fleet(run)
    fleet.fail = {1: ["OSError: [Errno 28] No space left on device"]}
    with pytest.raises(StoreError, match="make room"):
        watching(fleet).shards()
    assert run.quarantined() == {}


def test_a_broker_that_comes_back_is_waited_for(run: RunStore, monkeypatch: Any) -> None:
    fleet = Fleet(run)
    away = [3]

    def send(part: Part) -> None:
        if away[0]:
            away[0] -= 1
            raise ConnectionError("refused")
        fleet.send(part)

    watch = Watch(run, run.manifest(), send, poll=0.01)
    watch.shards()
    assert fleet.sent == [0, 1, 2, 3]
    monkeypatch.setattr(watch_module, "_PATIENCE", 0.05)
    away[0] = 10**9
    with pytest.raises(AdvshardError, match="the broker did not answer"):
        watch.reduce()


def test_workers_that_are_busy_elsewhere_do_not_get_the_same_over_and_over(run: RunStore) -> None:
    fleet = Fleet(run)
    fleet.lose = [0, 1, 2, 3] * 6
    notes: set[str] = set()
    watch = Watch(
        run, run.manifest(), fleet.send, show=lambda state: notes.add(state.note), poll=0.005, lease=9, idle=0.02
    )
    began = time.monotonic()
    watch.shards()
    # Waits of 0.02, 0.04, 0.08, ... seconds, not six times 0.02.
    assert time.monotonic() - began > 0.02 * (2**6 - 1)
    assert "no worker took anything" in notes
    assert watch.state.note == ""


def test_a_window_of_messages_is_under_way(run: RunStore, monkeypatch: Any) -> None:
    monkeypatch.setattr(watch_module, "WINDOW", 2)
    under_way: list[int] = []
    fleet = Fleet(run)

    def send(part: Part) -> None:
        fleet.send(part)
        under_way.append(len(watch._flights))

    watch = Watch(run, run.manifest(), send, poll=0.01)
    watch.shards()
    assert max(under_way) == 1  # beside the one being sent
    assert run.done() == {0, 1, 2, 3}


def test_a_shard_that_never_ends_is_given_up_at_its_time_limit(tmp_path: Path, monkeypatch: Any) -> None:
    """Its worker lives, and gives signs of life, but does not end it: nor does its worker's own limit."""
    run = planned(tmp_path, monkeypatch, time_limit=0.1, max_attempts=2)
    fleet = Fleet(run)
    fleet.vanish = [1, 1]
    stop = threading.Event()

    def beat() -> None:
        beats = 0
        while not stop.wait(0.03):
            beats += 1
            for attempt in run.attempts(1):  # also those that were given up: their workers don't know
                run.write_attempt(1, attempt.model_copy(update={"beat": beats, "error": None}))

    beating = threading.Thread(target=beat)
    beating.start()
    watching(fleet).shards()
    stop.set()
    beating.join()
    assert fleet.sent == [0, 1, 2, 3, 1]
    assert list(run.quarantined()) == [1]
    assert run.quarantined()[1].startswith("2 attempts: TimeLimitExceeded: still running on w1 after")


def test_a_worker_given_up_is_counted_by_the_next_orchestrator(run: RunStore) -> None:
    fleet = Fleet(run)
    fleet.vanish = [1]
    watching(fleet).shards()
    errors = [attempt.error for attempt in run.attempts(1)]
    assert errors == ["NoSignOfLife: nothing from w1 for 0 s", None]


def test_a_copy_of_a_slow_shard_is_sent_near_the_end_and_the_first_to_finish_counts(run: RunStore) -> None:
    fleet = Fleet(run)
    fleet.vanish = [3]  # the last one is started, and does not end
    watch = watching(fleet, lease=3600, slow=0.1)
    watch.shards()
    assert fleet.sent == [0, 1, 2, 3, 3]
    assert watch.state.copies == 1
    assert watch.state.retries == 0
    assert [attempt.error for attempt in run.attempts(3)] == [None, None], "nobody failed"


def test_no_copy_is_sent_while_others_wait_for_a_worker(tmp_path: Path, monkeypatch: Any) -> None:
    fleet = Fleet(planned(tmp_path, monkeypatch, shards=6))
    fleet.vanish, fleet.lose = [0], [5]
    watching(fleet, lease=3600, slow=0.05, idle=0.3).shards()
    assert fleet.sent == [0, 1, 2, 3, 4, 5, 5, 0]


def test_a_copy_does_not_make_one_failure_two(run: RunStore) -> None:
    """The first execution hangs, its copy fails: only when both are over is the shard sent again."""
    fleet = Fleet(run)
    fleet.vanish = [3]
    watch = watching(fleet, lease=0.5, slow=0.1)

    def send(part: Part) -> None:
        if fleet.sent.count(3) == 1 and part == 3:
            fleet.fail[3] = ["ValueError: bad"]
        fleet.send(part)

    watch._send_message = send
    watch.shards()
    assert fleet.sent == [0, 1, 2, 3, 3, 3]
    assert run.quarantined() == {}


class Away:
    """Makes the store's small files unreadable for a while."""

    def __init__(self, run: RunStore, monkeypatch: Any, times: int, error: OSError) -> None:
        self.times, self.error, self.real = times, error, run.folder.read_many
        monkeypatch.setattr(run.folder, "read_many", self)

    def __call__(self, pieces: Any) -> list[bytes | None]:
        if self.times and any(name.startswith("shards/") and name.endswith(".json") for name, _, _ in pieces):
            self.times -= 1
            raise self.error
        return self.real(pieces)


def test_a_store_that_comes_back_is_waited_for(run: RunStore, monkeypatch: Any) -> None:
    fleet = Fleet(run)
    notes: list[str] = []

    def send(part: Part) -> None:
        fleet.send(part)
        if part == 3:
            Away(run, monkeypatch, 3, TimeoutError("slow"))

    watch = Watch(run, run.manifest(), send, show=lambda state: notes.append(state.note), poll=0.01)
    watch.shards()
    assert fleet.sent == [0, 1, 2, 3]
    assert "store away" in notes
    assert watch.state.note == ""


@pytest.mark.parametrize("error", [TimeoutError("slow"), PermissionError(13, "Permission denied")])
def test_a_store_that_stays_away_ends_the_run(run: RunStore, monkeypatch: Any, error: OSError) -> None:
    monkeypatch.setattr(watch_module, "_PATIENCE", 0.05)
    watch = watching(Fleet(run), tend=lambda: Away(run, monkeypatch, 10**9, error) and [])
    with pytest.raises(StoreError, match="expected a store that answers"):
        watch.shards()


def test_a_lease_begins_anew_after_the_store_was_away() -> None:
    flight, attempt = Flight(frozenset()), Attempt(task_id="t", worker="w", started=0)
    assert flight.fault(attempt, 0, (), 30, None) is None
    assert flight.fault(attempt, 30, (), 30, None) is None
    flight.forgive(31)
    assert flight.fault(attempt, 60, (), 30, None) is None
    assert flight.fault(attempt, 62, (), 30, None) == "NoSignOfLife: nothing from w for 30 s"


def test_a_queue_that_remembers_does_not_send_for_ever(tmp_path: Path, monkeypatch: Any) -> None:
    """A worker died, and what seemed to be lost with it was only waiting: with more shards than fit into the window."""
    monkeypatch.setattr(watch_module, "WINDOW", 2)
    run = planned(tmp_path, monkeypatch, shards=6)
    fleet = Fleet(run)
    queue: list[Part] = []
    sent: list[Part] = []

    def tend() -> list[str]:
        if len(sent) == 2 and not queue[2:]:
            return ["somebody"]
        if queue and len(sent) > 2:
            part = queue.pop(0)
            if part not in run.done():
                fleet.send(part)
        return []

    def send(part: Part) -> None:
        sent.append(part)
        queue.append(part)

    watch = watching(fleet, tend=tend, idle=3600, lease=3600)
    watch._send_message = send
    watch.shards()
    assert run.done() == set(range(6))
    assert len(sent) < 12


def test_a_late_execution_lifts_a_quarantine(run: RunStore) -> None:
    fleet = Fleet(run)
    fleet.fail = {1: ["ValueError: bad"] * 3}
    fleet.vanish = [3]

    def tend() -> list[str]:
        if run.quarantined() and not run.has_record(1):
            run_shard(run, 1, linear_classifier, "late")
            run_shard(run, 3, linear_classifier, "w1")
        return []

    watch = watching(fleet, tend=tend, lease=3600)
    watch.shards()
    assert run.quarantined() == {}
    assert watch.state.quarantined == 0
    report = watch.reduce()
    assert report.complete
    assert report.quarantined_shards == []


def test_a_shard_that_is_damaged_each_time_is_given_up(run: RunStore) -> None:
    fleet = Fleet(run)

    def send(part: Part) -> None:
        fleet.send(part)
        if part == 2:
            run.folder.write("shards/00000002.npy", b"torn")

    watch = watching(fleet)
    watch._send_message = send
    watch.shards()
    report = watch.reduce()
    assert report.missing_shards == [2]
    assert "3 times: IntegrityError" in report.errors[2]


def test_a_message_that_was_given_back_has_its_time_again() -> None:
    flight = Flight(frozenset())
    first = Attempt(task_id="t", worker="w1", started=0)
    assert flight.fault(first, 0, (), 30, 100) is None
    again = Attempt(task_id="t", worker="w2", started=120)
    assert flight.fault(again, 140, (), 30, 100) is None
    assert flight.fault(again.model_copy(update={"beat": 1}), 160, (), 30, 100) is None
    assert "TimeLimitExceeded" in str(flight.fault(again.model_copy(update={"beat": 2}), 280, (), 30, 100))


def test_damaged_shards_are_counted(run: RunStore) -> None:
    fleet = Fleet(run)
    watch = watching(fleet)
    watch.shards()
    run.folder.write("shards/00000002.npy", b"torn")
    watch.reduce()
    assert (watch.state.remade, watch.state.done, watch.state.images_done) == (1, 4, 30)
    assert watch.state.successes == sum(record.successes for i in range(4) if (record := run.record(i)))


def test_shards_that_another_orchestrator_had_made_are_counted_and_not_sent(tmp_path: Path, monkeypatch: Any) -> None:
    """Among them those that were not yet under way here, and that no listing has shown."""
    monkeypatch.setattr(watch_module, "WINDOW", 2)
    run = planned(tmp_path, monkeypatch, shards=9)
    fleet = Fleet(run)

    def send(part: Part) -> None:
        if not fleet.sent:
            for index in (3, 4, 5, 8):
                run_shard(run, index, linear_classifier, "theirs")
        fleet.send(part)

    watch = watching(fleet)
    watch._send_message = send
    watch.shards()
    assert fleet.sent == [0, 1, 2, 6, 7]
    assert (watch.state.done, watch.state.images_done) == (9, 30)
