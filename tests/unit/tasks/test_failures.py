from __future__ import annotations

from pathlib import Path
from typing import Any

from core.reduce.history import history_of
from core.run.records import Attempt
from core.run.work_unit import ShardRange, single
from tasks.failures import record_failure
from tests.runs import planned


def test_a_late_heartbeat_does_not_undo_a_failure(tmp_path: Path, monkeypatch: Any) -> None:
    """The worker's main process says that a limit was passed; the process that it ends may write once more."""
    run = planned(tmp_path, monkeypatch)
    attempt = Attempt(task_id="a", worker="w", started=1.0, heartbeat=2)
    run.attempts.write(single(1), attempt)
    record_failure(task_id="a", exception=TimeoutError("15 s"), kwargs={"run": run.url, "first": 1, "last": 1})
    run.attempts.write(single(1), attempt.model_copy(update={"heartbeat": 3}))
    (found,) = run.attempts.of(single(1))
    assert (found.error, found.worker, found.started) == ("TimeoutError: 15 s", "w", 1.0)
    assert run.attempts.count() == 1


def test_an_execution_that_left_no_trace_counts_as_failed(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch)
    record_failure(task_id="b", exception=MemoryError(), kwargs={"run": run.url, "first": 2, "last": 2})
    (found,) = run.attempts.of(single(2))
    assert (found.task_id, found.error) == ("b", "MemoryError: ")
    assert run.attempts.count() == 1


def test_a_failure_of_several_shards_is_that_of_their_task(tmp_path: Path, monkeypatch: Any) -> None:
    run = planned(tmp_path, monkeypatch, shards_per_task=3)
    record_failure(task_id="c", exception=MemoryError(), kwargs={"run": run.url, "first": 0, "last": 2})
    (found,) = run.attempts.of(ShardRange(0, 2))
    assert (found.task_id, found.error) == ("c", "MemoryError: ")
    assert [run.attempts.of(single(index)) for index in range(3)] == [[], [], []]
    assert run.attempts.count() == 3
    history = history_of(run)
    assert (history.attempts, history.failures) == (3, {"MemoryError": 1})
