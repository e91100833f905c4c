"""Which attempts may still finish, by heartbeats and a clock that the tests set."""

from __future__ import annotations

from core.run.records import Attempt
from orchestrator.execution.in_flight import InFlight, Observation

ATTEMPT = Attempt(task_id="t", worker="w1", started=0)


def at(unit: InFlight, now: float, *attempts: Attempt, dead: tuple[str, ...] = ()) -> Observation:
    return unit.observe(attempts, now, dead, 30, 100)


def test_attempts_before_the_message_do_not_count_as_its_own() -> None:
    failed = ATTEMPT.model_copy(update={"error": "ValueError: bad"})
    seen = at(InFlight(frozenset({"t"})), 0, failed)
    assert not seen.started
    assert not seen.alive
    assert seen.errors == ("ValueError: bad",)


def test_a_lease_ends_without_a_heartbeat() -> None:
    unit = InFlight(frozenset())
    assert at(unit, 0, ATTEMPT).alive
    assert at(unit, 30, ATTEMPT).alive
    lost = at(unit, 30.1, ATTEMPT)
    assert not lost.alive
    assert lost.faults == ((ATTEMPT, "HeartbeatLost: nothing from w1 for 30 s"),)
    assert lost.errors == ("HeartbeatLost: nothing from w1 for 30 s",)


def test_a_heartbeat_renews_the_lease() -> None:
    unit = InFlight(frozenset())
    at(unit, 0, ATTEMPT)
    assert at(unit, 29, ATTEMPT.model_copy(update={"heartbeat": 1})).alive
    assert at(unit, 58, ATTEMPT.model_copy(update={"heartbeat": 1})).alive
    assert not at(unit, 60, ATTEMPT.model_copy(update={"heartbeat": 1})).alive


def test_leases_start_anew_after_the_store_was_away() -> None:
    unit = InFlight(frozenset())
    at(unit, 0, ATTEMPT)
    unit.renew_leases(31)
    assert at(unit, 60, ATTEMPT).alive
    assert not at(unit, 62, ATTEMPT).alive


def test_a_dead_worker_s_attempt_is_given_up_at_once() -> None:
    seen = at(InFlight(frozenset()), 0, ATTEMPT, dead=("w1",))
    assert seen.faults == ((ATTEMPT, "WorkerDied: w1"),)


def test_a_message_that_was_returned_to_the_queue_has_its_time_again() -> None:
    unit = InFlight(frozenset())
    at(unit, 0, ATTEMPT)
    again = Attempt(task_id="t", worker="w2", started=120)
    assert at(unit, 140, again).alive
    assert at(unit, 160, again.model_copy(update={"heartbeat": 1})).alive
    (fault,) = at(unit, 280, again.model_copy(update={"heartbeat": 2})).faults
    assert fault[1] == "TimeLimitExceeded: still running on w2 after 140 s"


def test_one_live_attempt_is_enough() -> None:
    unit = InFlight(frozenset())
    failed = Attempt(task_id="u", worker="w2", started=1, error="ValueError: bad")
    seen = at(unit, 0, ATTEMPT, failed)
    assert seen.started
    assert seen.alive
    assert (seen.errors, seen.faults) == (("ValueError: bad",), ())


def test_running_counts_from_the_first_sight() -> None:
    unit = InFlight(frozenset())
    assert at(unit, 5).running == 0
    at(unit, 10, ATTEMPT)
    second = Attempt(task_id="u", worker="w2", started=1)
    assert at(unit, 25, ATTEMPT, second).running == 15
